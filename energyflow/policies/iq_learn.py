"""IQ-Learn as published (Garg et al. 2021): a critic that is its own reward, learnt beside an actor in the simulator.

Half of each batch is demonstrated; the agent: agents/iq_learn_online.py.
"""

from __future__ import annotations

from pydantic import Field

from energyflow.config.section import Section
from energyflow.policies.registry import Method, Online


class IQLearnOnlineParams(Section):
    """Fixed temperature alpha, c of the chi-squared term, and the actor's learning rate over the critic's."""

    temperature: float = Field(0.01, gt=0, le=1e6)  # [code] fixed
    chi: float = Field(0.5, gt=0, le=1e6)  # [code]
    actor_rate: float = Field(0.1, gt=0, le=1e6)  # [code]


METHODS = {
    "iq_learn": Method(
        "IQ-Learn",
        IQLearnOnlineParams,
        "energyflow.policies.soft_actor:SoftActor",
        # its critic reads no reward: the success flag is what the rows report
        online=Online("sparse", mixed=True, agent="energyflow.agents.iq_learn_online:IQLearnAgent"),
    ),
}
