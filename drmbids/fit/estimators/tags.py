"""What estimators that take runs alone declare to scikit-learn."""

from typing import Any, Self

from drmbids.data.tools.exceptions import UsageError


class OnRuns:
    """Declares that ``X`` is a list of runs, never a table of rows, and carries its own targets."""

    def __sklearn_tags__(self) -> Any:
        """Declare to scikit-learn what the estimator can do."""
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags.two_d_array = False
        tags.input_tags.allow_nan = True
        tags.target_tags.required = False
        tags.target_tags.single_output = False
        tags.no_validation = True
        return tags


class RunsOut(OnRuns):
    """Declares that what comes out are runs as well."""

    def set_output(self, *, transform: str | None = None) -> Self:
        """Accept scikit-learn's default output: runs go to the next step as they are.

        Parameters
        ----------
        transform : {"default"}, optional

        Raises
        ------
        UsageError
            For tables such as ``"pandas"``: a run is none.
        """
        if transform not in (None, "default"):
            raise UsageError(
                f"set_output(transform={transform!r}): steps return runs, not tables; leave it out"
            )
        return self
