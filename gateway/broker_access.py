"""Who may write and read what on the fallback broker; a plug-in of amqtt, loaded by its configuration."""

from __future__ import annotations

from dataclasses import dataclass, field

from amqtt.contexts import Action
from amqtt.plugins.base import BaseTopicPlugin
from amqtt.session import Session


def covers(rule: str, topic: str) -> bool:
    """Whether the filter `rule` (its last level may be #) holds for a topic, or for every topic of a filter."""
    prefix = rule.removesuffix("#")
    return topic == rule or (rule.endswith("#") and topic.startswith(prefix))


class AccessPlugin(BaseTopicPlugin):  # type: ignore[misc]
    """Refuses what no rule of the user allows."""

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
    ) -> bool:
        """Whether the user of `session` may do `action` on `topic`."""
        rules = self.config.write if action == Action.PUBLISH else self.config.read
        name = session.username if session else None
        return topic is not None and any(covers(rule, topic) for rule in rules.get(name or "", []))

    @dataclass
    class Config:
        """Filters by user name."""

        write: dict[str, list[str]] = field(default_factory=dict)
        read: dict[str, list[str]] = field(default_factory=dict)
