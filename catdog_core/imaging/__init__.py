"""From the bytes of a file to pixels: one decoder, one resize, and the guards before them.

Training, preview and prediction read photos through `decode.load`: (S, S, 3) uint8, upright sRGB. A
file is judged by its header (`image_header`, `format_guard`, `decode_cost`) before it is decoded.
"""
