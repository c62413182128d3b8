"""Who answers for the person while a bond is made: org.bluez.AgentManager1 and the questions it passes on."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from bumble.pairing import PairingConfig, PairingDelegate
from dbus_fast import Message, MessageType

from simulators.bluez.tree import AGENTS, Answer, Refusal, Tree

AGENT: Final = "org.bluez.Agent1"
PATH: Final = "/org/bluez"
SILENT: Final = "NoInputNoOutput"
CAPABILITIES: Final = {
    SILENT: PairingDelegate.NO_OUTPUT_NO_INPUT,
    "DisplayOnly": PairingDelegate.DISPLAY_OUTPUT_ONLY,
    "DisplayYesNo": PairingDelegate.DISPLAY_OUTPUT_AND_YES_NO_INPUT,
    "KeyboardOnly": PairingDelegate.KEYBOARD_INPUT_ONLY,
    "KeyboardDisplay": PairingDelegate.DISPLAY_OUTPUT_AND_KEYBOARD_INPUT,
}


class Agent(msgspec.Struct, frozen=True):
    """A registered agent: whose it is, where it is, and what it can do."""

    owner: str
    path: str
    capability: str


class Agents:
    """The registered agents; the default one answers for every device."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._agents: dict[str, Agent] = {}
        self._default: str | None = None
        tree.add(PATH, {AGENTS: {}})
        tree.offer(
            PATH,
            AGENTS,
            RegisterAgent=self._register,
            UnregisterAgent=self._unregister,
            RequestDefaultAgent=self._prefer,
        )
        tree.on_leaving(self._forget)

    @property
    def default(self) -> Agent | None:
        """The agent that is asked, None without one: then nothing pairs, not even "just works"."""
        return self._agents.get(self._default) if self._default else None

    def pairing(self, device: str) -> PairingConfig:
        """How the adapter pairs with the device at object path `device` right now."""
        agent = self.default
        delegate = _Delegate(self._tree, agent, device)
        return PairingConfig(
            sc=True, mitm=agent is not None and agent.capability != SILENT, bonding=True, delegate=delegate
        )

    async def _register(self, message: Message) -> Answer | None:
        path, capability = message.body
        if str(message.sender) in self._agents:
            raise Refusal("AlreadyExists", "Already Exists")
        if capability and capability not in CAPABILITIES:
            raise Refusal("InvalidArguments", "Invalid arguments in method call")
        self._agents[str(message.sender)] = Agent(str(message.sender), path, capability or "KeyboardDisplay")
        return None

    async def _unregister(self, message: Message) -> Answer | None:
        if str(message.sender) not in self._agents:
            raise Refusal("DoesNotExist", "Does Not Exist")
        self._forget(str(message.sender))
        return None

    async def _prefer(self, message: Message) -> Answer | None:
        if str(message.sender) not in self._agents:
            raise Refusal("DoesNotExist", "Does Not Exist")
        self._default = str(message.sender)
        return None

    def _forget(self, owner: str) -> None:
        self._agents.pop(owner, None)
        if self._default == owner:
            self._default = next(iter(self._agents), None)


class _Delegate(PairingDelegate):  # type: ignore[misc]  # bumble is untyped here
    """Hands the questions of a pairing to the agent."""

    def __init__(self, tree: Tree, agent: Agent | None, device: str) -> None:
        super().__init__(CAPABILITIES[agent.capability if agent else SILENT])
        self._tree, self._agent, self._device = tree, agent, device

    async def confirm(self, auto: bool = False) -> bool:
        del auto
        return await self._ask("RequestAuthorization", "o", []) is not None

    async def compare_numbers(self, number: int, digits: int) -> bool:
        del digits
        return await self._ask("RequestConfirmation", "ou", [number]) is not None

    async def get_number(self) -> int | None:
        answer = await self._ask("RequestPasskey", "o", [])
        return int(answer[0]) if answer else None

    async def display_number(self, number: int, digits: int) -> None:
        del digits
        await self._ask("DisplayPasskey", "ouq", [number, 0])

    async def _ask(self, member: str, signature: str, more: list[Any]) -> list[Any] | None:
        if self._agent is None:
            return None
        reply = await self._tree.bus.call(
            Message(
                destination=self._agent.owner,
                path=self._agent.path,
                interface=AGENT,
                member=member,
                signature=signature,
                body=[self._device, *more],
            )
        )
        return None if reply.message_type == MessageType.ERROR else list(reply.body)
