"""ChatML tokens: what the environment says and what the policy said, as ids. Tokenised once, never re-encoded.

    <|im_start|>system\\n...<|im_end|>\\n<|im_start|>user\\n...<|im_end|>\\n<|im_start|>assistant\\n

An image is `<|vision_start|>`, one pad for each merged patch, `<|vision_end|>`. Text never becomes a control token:
"<|im_end|>" inside a message is encoded as ordinary characters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vilasr.errors import InputError, InvariantError
from vilasr.types import ImagePart, Message

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tokenizers import Tokenizer

REQUIRED_TOKENS = ("<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>")


class ChatTokens:
    """The tokenizer of one checkpoint.

    Attributes:
        stop_id: `<|im_end|>`, the token that ends a turn.
        image_id: `<|image_pad|>`.
        special_ids: every control token, sorted.
        num_tokens: ids from here on stand for nothing (padding rows of the embedding matrix).
    """

    def __init__(self, tokenizer: Tokenizer, *, name: str = "tokenizer") -> None:
        ids = [tokenizer.token_to_id(text) for text in REQUIRED_TOKENS]
        missing = [text for text, token_id in zip(REQUIRED_TOKENS, ids, strict=True) if token_id is None]
        if missing:
            raise InputError(
                name,
                expected=f"a chat tokenizer with {' '.join(REQUIRED_TOKENS)}",
                got=f"one without {' '.join(missing)}",
                remedy="Give a checkpoint of the Qwen2.5-VL or Qwen3-VL family with its own tokenizer.json.",
            )
        # Makes the strings of special tokens in plain text encode as ordinary text.
        tokenizer.encode_special_tokens = True
        self._tokenizer = tokenizer
        self._start, self.stop_id, self._vision_start, self._vision_end, self.image_id = (
            token_id for token_id in ids if token_id is not None
        )
        added = tokenizer.get_added_tokens_decoder()
        self.special_ids: tuple[int, ...] = tuple(sorted(i for i, token in added.items() if token.special))
        self.num_tokens: int = max(tokenizer.get_vocab(with_added_tokens=True).values()) + 1

    @classmethod
    def from_file(cls, path: Path) -> ChatTokens:
        """Read a `tokenizer.json`."""
        from tokenizers import Tokenizer

        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises bare Exception
            raise InputError(
                str(path),
                expected="a readable tokenizer.json",
                got=f"{error}",
                remedy="Copy the file again from where the checkpoint came from.",
            ) from error
        return cls(tokenizer, name=str(path))

    def encode(self, text: str) -> list[int]:
        """Plain text as ids; control-token strings in it stay text; lone surrogates become question marks."""
        ids: list[int] = self._tokenizer.encode(text.encode("utf-8", "replace").decode(), add_special_tokens=False).ids
        return ids

    def context(
        self, messages: Sequence[Message], image_tokens: Mapping[int, int], *, first: bool, unclosed: bool = False
    ) -> list[int]:
        """Ids of an observation, up to and including the header of the policy's own turn.

        Args:
            messages: what the environment says.
            image_tokens: number of pads of each image, by image index.
            first: the conversation is empty so far.
            unclosed: the policy's last turn did not end with its stop token: close it first.

        Raises:
            InvariantError: a message shows an image that `image_tokens` lacks.
        """
        ids: list[int] = []
        run = "" if first else "\n"
        if unclosed:
            ids.append(self.stop_id)
        for message in messages:
            ids += self._run(run)
            ids.append(self._start)
            run = f"{message.role.value}\n"
            for part in message.parts:
                if isinstance(part, ImagePart):
                    if part.index not in image_tokens:
                        raise InvariantError(f"A message shows image {part.index}; the observation does not bring it.")
                    ids += self._run(run)
                    run = ""
                    ids += [self._vision_start, *[self.image_id] * image_tokens[part.index], self._vision_end]
                else:
                    run += part.text
            ids += self._run(run)
            ids.append(self.stop_id)
            run = "\n"
        ids += self._run(run)
        return [*ids, self._start, *self.encode("assistant\n")]

    def completion(self, text: str) -> list[int]:
        """Ids of a turn that the policy did not sample itself (a demonstration), stop token included."""
        return [*self.encode(text), self.stop_id]

    def text(self, token_ids: Sequence[int]) -> str:
        """What sampled ids say, without the stop token at the end."""
        ids = list(token_ids)
        if ids and ids[-1] == self.stop_id:
            ids.pop()
        decoded: str = self._tokenizer.decode(ids, skip_special_tokens=False)
        return decoded

    def plain(self, token_ids: Sequence[int]) -> str:
        """What ids say, without any control token."""
        decoded: str = self._tokenizer.decode(list(token_ids), skip_special_tokens=True)
        return decoded

    def banned(self, vocab_size: int) -> list[int]:
        """Ids that are never sampled: control tokens other than the stop token, and ids that stand for nothing."""
        return sorted({*self.special_ids, *range(self.num_tokens, vocab_size)} - {self.stop_id})

    def _run(self, text: str) -> list[int]:
        return self.encode(text) if text else []
