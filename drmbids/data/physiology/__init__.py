"""Heart beat and breathing as confounds of BOLD: phases, rates and their slow responses."""

from typing import Literal, get_args

#: ``retroicor``: phases of heart and breath; ``hr``: heart rate through the cardiac response;
#: ``rv``: depth of the breath through the respiratory response.
Physio = Literal["retroicor", "hr", "rv"]

#: All of them.
ALL: tuple[Physio, ...] = get_args(Physio)
