"""The review as a state machine over the real store: a slice of `python -m tests.review_campaign`."""

from __future__ import annotations

from hypothesis import settings

from tests.review_world import Review

Review.TestCase.settings = settings(max_examples=10, stateful_step_count=25)


class TestReview(Review.TestCase):  # type: ignore[misc, valid-type]
    """One database for all examples; each is a transaction that is rolled back."""

    @classmethod
    def tearDownClass(cls) -> None:
        if Review.engine is not None and Review.place is not None:
            Review.engine.dispose()
            Review.place.cleanup()
            Review.engine = Review.place = None
