"""Import optional packages; the error for a missing one names the install command."""

import importlib

# Names of packages on the index, where they differ from the name of the module.
DISTRIBUTIONS = {"PIL": "pillow"}


def import_optional(module_name, extra):
    """Import a module that only some functions need.

    Parameters
    ----------
    module_name : str
        Name of the module, such as ``"matplotlib.pyplot"``.
    extra : str
        Name of the extra of this package that installs the module.

    Returns
    -------
    module : module

    Raises
    ------
    ImportError
        If the module is not installed; the message names the install command.
    """
    try:
        return importlib.import_module(module_name)
    except ImportError as error:
        package = module_name.partition(".")[0]
        raise ImportError(
            f"This function needs {package}, which is not installed. Install it with: "
            f"pip install {DISTRIBUTIONS.get(package, package)}. The extra "
            f'"{extra}" of sklearn-gahb includes it.'
        ) from error
