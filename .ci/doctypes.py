"""Annotations for the types in numpydoc docstrings."""

import re

# Types in docstrings, and in stubs.
NAMES = {
    "array": "NDArray[Any]",
    "array-like": "ArrayLike",
    "Axes": "Axes",
    "bool": "bool",
    "Bunch": "Bunch",
    "callable": "Callable[..., Any]",
    "denoiser": "BaseEstimator | torch.nn.Module | Callable[..., Any]",
    "dict": "dict[Any, Any]",
    "dtype": "np.dtype[Any]",
    "estimator": "BaseEstimator",
    "float": "float",
    "Ignored": "object",
    "int": "int",
    "LinearOperator": "LinearOperator",
    "matplotlib Axes": "Axes",
    "matplotlib Figure": "Figure",
    "matplotlib Line2D": "Line2D",
    "module": "torch.nn.Module",
    "ndarray": "NDArray[Any]",
    "noise": "torch.Tensor",
    "noisy": "torch.Tensor",
    "None": "None",
    "object": "Any",
    "Path": "Path",
    "path-like": "os.PathLike[str]",
    "RandomState": "RandomState",
    "RandomState instance": "RandomState",
    "str": "str",
    "SubFigure": "SubFigure",
    "Tensor": "torch.Tensor",
    "those": "Any",
}
CONTAINERS = {
    "iterable": "Iterable",
    "iterator": "Iterator",
    "list": "list",
    "sequence": "Sequence",
}
DTYPES = {"bool": "np.bool", "int": "np.intp", "str": "np.str_"}
OPENING, CLOSING = "([{", ")]}"
SHAPE = r"\((?:[^()]|\([^()]*\))*\)"


def annotation(text, classes):
    """Return the annotation for a numpydoc type.

    `classes` are names that stand for themselves.
    """
    parts = split(without_shape(text), [", or ", ", ", " or "])
    return " | ".join(dict.fromkeys(one_annotation(part, classes) for part in parts))


def without_shape(text):
    """Return a type without its shape, dtype and default, in one line."""
    text = re.sub(r",? default=.*", "", " ".join(text.split()))
    text = re.sub(r":class:`~?(?:[\w.]+\.)?(\w+)`", r"\1", text)
    text = re.sub(rf", or of shape {SHAPE}", "", text)
    text = re.sub(rf",? of shape {SHAPE}(?:(?:, or | or |, ){SHAPE})*", "", text)
    text = re.sub(r" of the shapes? of (?:`\w+`|the image passed to `fit`)", "", text)
    text = re.sub(rf" that broadcasts to (?:{SHAPE}|`\w+`)", "", text)
    text = re.sub(r" of (?:n levels|one level)|, dtype=\w+", "", text)
    return text


def split(text, separators):
    """Split a text at the separators that stand outside brackets."""
    parts, depth, start, i = [], 0, 0, 0
    while i < len(text):
        depth += (text[i] in OPENING) - (text[i] in CLOSING)
        found = next((one for one in separators if text.startswith(one, i)), "")
        if found and depth == 0:
            parts.append(text[start:i])
            start = i + len(found)
        i += len(found) or 1
    return [*parts, text[start:]]


def one_annotation(text, classes):
    if text in NAMES:
        return NAMES[text]
    if text in classes or re.fullmatch(r"(torch|pywt)(\.\w+)+", text):
        return text
    if re.fullmatch(r'"\w+"|{.*}', text):
        return f"Literal[{text.strip('{}')}]"
    if text[:1] == "(":
        return in_brackets(text, classes)
    container, _, content = text.partition(" of ")
    if container == "tuple" and content[:1] == "(":
        return in_brackets(content, classes)
    if container == "tuple":
        return f"tuple[{annotation(singular(content, classes), classes)}, ...]"
    if container == "dict":
        key, _, value = content.partition(" to ")
        return f"dict[{annotation(key, classes)}, {annotation(value, classes)}]"
    if container in CONTAINERS:
        content = annotation(singular(content, classes), classes)
        return f"{CONTAINERS[container]}[{content}]"
    if container == "ndarray" and content in DTYPES:
        return f"NDArray[{DTYPES[content]}]"
    if container == "ndarray" and content == "matplotlib Axes":
        return "NDArray[np.object_]"
    if container == "array-like" and content in DTYPES:
        return "ArrayLike"
    raise ValueError(f"no annotation for the type {text!r}")


def in_brackets(text, classes):
    """Return the annotation for "(int, int)" or "(ndarray or Tensor)"."""
    parts = [annotation(part, classes) for part in split(text[1:-1], [", "])]
    return parts[0] if len(parts) == 1 else f"tuple[{', '.join(parts)}]"


def singular(text, classes):
    text = text.removeprefix("one ")
    return text[:-1] if text[:-1] in {*NAMES, *classes} else text
