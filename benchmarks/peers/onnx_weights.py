"""The weights of an .onnx file by their names, read without any library for ONNX: the few fields of Protobuf that hold them."""
import mmap

import numpy as np

ELEMENTS = {1: np.float32, 7: np.int64}    # TensorProto.data_type
GRAPH, INITIALIZER, DIMS, TYPE, NAME, RAW = 7, 5, 1, 2, 8, 9    # field numbers of onnx.proto


def number(data, at):
    value, shift = 0, 0
    while True:
        byte = data[at]
        value, at, shift = value | (byte & 127) << shift, at + 1, shift + 7
        if byte < 128:
            return value, at


def fields(data, at, end):
    """Each field of a message: its number, and its value or, of a string or message, where it begins and ends."""
    while at < end:
        key, at = number(data, at)
        if key & 7 == 0:
            value, at = number(data, at)
            yield key >> 3, value
        elif key & 7 == 2:
            length, at = number(data, at)
            yield key >> 3, (at, at + length)
            at += length
        else:
            at += {1: 8, 5: 4}[key & 7]


def tensor(data, at, end):
    name, dims, kind, content = "", [], 0, (0, 0)
    for field, value in fields(data, at, end):
        if field == DIMS:
            if isinstance(value, tuple):    # packed
                at = value[0]
                while at < value[1]:
                    dim, at = number(data, at)
                    dims.append(dim)
            else:
                dims.append(value)
        elif field == TYPE:
            kind = value
        elif field == NAME:
            name = bytes(data[value[0]:value[1]]).decode()
        elif field == RAW:
            content = value
    if kind not in ELEMENTS:
        return name, None
    return name, np.frombuffer(data[content[0]:content[1]], ELEMENTS[kind]).reshape(dims)


def read(path):
    with open(path, "rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        for field, place in fields(data, 0, len(data)):
            if field == GRAPH:
                return dict(tensor(data, *value) for part, value in fields(data, *place) if part == INITIALIZER)
    raise ValueError(f"{path} holds no graph")
