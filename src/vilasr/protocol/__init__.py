"""How environment and model speak: prompts, wire formats, coordinate frames. No images, no state."""

from vilasr.protocol.format import format_action, format_turn
from vilasr.protocol.frames import CoordinateFrame, Sizer, frame_extent, from_frame, to_frame
from vilasr.protocol.messages import LETTERS, drawn_message, error_message, prompt_messages
from vilasr.protocol.neutral import neutralise, one_line
from vilasr.protocol.parse import ParsedTurn, parse_turn, split_thought
from vilasr.protocol.prompts import (
    COMPACT,
    JSON,
    PROTOCOLS,
    VILASR,
    Protocol,
    WireFormat,
    protocol_named,
    with_system_prompt,
)

__all__ = [
    "COMPACT",
    "JSON",
    "LETTERS",
    "PROTOCOLS",
    "VILASR",
    "CoordinateFrame",
    "ParsedTurn",
    "Protocol",
    "Sizer",
    "WireFormat",
    "drawn_message",
    "error_message",
    "format_action",
    "format_turn",
    "frame_extent",
    "from_frame",
    "neutralise",
    "one_line",
    "parse_turn",
    "prompt_messages",
    "protocol_named",
    "split_thought",
    "to_frame",
    "with_system_prompt",
]
