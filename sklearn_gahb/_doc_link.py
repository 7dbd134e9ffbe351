"""Where the HTML representation of estimators finds their documentation."""

DOC_LINK_MODULE = "sklearn_gahb"
DOC_LINK_TEMPLATE = (
    "https://sklearn-gahb.readthedocs.io/en/latest/generated/"
    "sklearn_gahb.{estimator_name}.html"
)
