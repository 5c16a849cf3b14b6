"""The range of noise levels that several methods have."""

from __future__ import annotations

from pydantic import model_validator

from energyflow.config.section import Section


class NoiseRange(Section):
    """From the smallest to the largest noise, in standard deviations of the demonstrations."""

    sigma_min: float
    sigma_max: float

    @model_validator(mode="after")
    def _ordered(self) -> NoiseRange:
        if self.sigma_min >= self.sigma_max:
            raise ValueError(f"sigma_min = {self.sigma_min} must be below sigma_max = {self.sigma_max}")
        return self
