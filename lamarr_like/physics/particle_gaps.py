"""What the PDG's computer-readable table leaves out of particles that it knows, or does not know.

The table (the one that the `particle` package ships) has no numbers for states that were found
after its numbering scheme froze, and none for heavy baryons that only generators make.  Lines are
``identifier name mass width ctau``, in MeV and mm; a dash stands for a width that is not known or
only bounded from above: it is far below any resolution.  ``ctau`` is that of weak decays.
"""

from __future__ import annotations

from typing import NamedTuple

_REVIEW = """
417 D(3)*(2750)+ 2763.1 66 0
427 D(3)*(2750)0 2763.1 66 0
437 D(s3)*(2860)+ 2860.5 53 0
447 psi(3)(3842) 3842.7 2.8 0
10513 B(1)(5721)0 5726.1 27.5 0
10523 B(1)(5721)+ 5725.9 31 0
10533 B(s1)(5830)0 5828.7 0.5 0
20413 D(1)(2430)+ 2412 314 0
20445 psi(2)(3823) 3823.5 - 0
100311 K(1460)0 1482 336 0
100321 K(1460)+ 1482 336 0
100433 D(s1)*(2700)+ 2714 122 0
100541 B(c)(2S)+ 6871.2 - 0
100551 eta(b)(2S) 9999 - 0
110115 pi(2)(1880)0 1874 237 0
110215 pi(2)(1880)+ 1874 237 0
110441 chi(c0)(3915) 3922.1 20 0
120443 chi(c1)(3872) 3871.64 1.19 0
130443 psi(4160) 4191 69 0
200443 psi(4040) 4040 85 0
220443 chi(c1)(4140) 4146.5 19 0
230333 phi(2170) 2164 88 0
300443 psi(4230) 4222.1 49 0
320443 chi(c1)(4274) 4286 51 0
400443 psi(4360) 4374 118 0
500443 psi(4415) 4415 110 0
600443 psi(4660) 4623 55 0
9000113 pi(1)(1400)0 1354 330 0
9000213 pi(1)(1400)+ 1354 330 0
9000325 K(2)(1580)+ 1580 110 0
9000329 K(4)(2500)+ 2490 250 0
9010321 K(1830)+ 1874 168 0
9010327 K(3)(2320)+ 2324 150 0
9020325 K(2)(2250)+ 2247 180 0
9920443 chi(c1)(3872) 3871.64 1.19 0
100410413 T(cc1)(3900) 3887.1 28.4 0
100420413 T(cc1)(3900)+ 3887.1 28.4 0
100510513 T(bb1)(10610) 10609 18.4 0
100520513 T(bb1)(10610)+ 10607.2 18.4 0
101410413 T(cc1)(4430) 4478 181 0
101420413 T(cc1)(4430)+ 4478 181 0
101510513 T(bb1)(10650) 10652.2 11.5 0
101520513 T(bb1)(10650)+ 10652.2 11.5 0
4422 Xi(cc)++ 3621.6 - 0.0767
5124 Lambda(b)(5920)0 5920.1 - 0
15122 Lambda(b)(5912)0 5912.2 - 0
5312 Xi(b)'- 5935.0 - 0
5314 Xi(b)*- 5955.3 1.65 0
5324 Xi(b)*0 5952.3 0.9 0
"""
"""Rounded from the listings of the Review of Particle Physics (S. Navas et al., Phys. Rev. D 110
(2024) 030001).  9920443 is LHCb's number of chi(c1)(3872), the other numbers are the PDG's."""

_PYTHIA = """
543 B(c)*+ 6340 - 0
545 B(c2)*+ 7350 20 0
4412 Xi(cc)+ 3598 - 0.1
4414 Xi(cc)*+ 3656.5 - 0
4424 Xi(cc)*++ 3656.5 - 0
4432 Omega(cc)+ 3786.6 - 0.1
4434 Omega(cc)*+ 3824.7 - 0
4444 Omega(ccc)*++ 4915.9 - 0.1
5142 Xi(bc)0 7005.8 - 0.364
5212 Sigma(b)0 5800 - 0
5214 Sigma(b)*0 5810 - 0
5242 Xi(bc)+ 7005.8 - 0.364
5322 Xi(b)'0 5960 - 0
5334 Omega(b)*- 6130 - 0
5342 Omega(bc)0 7191 - 0.364
5412 Xi(bc)'0 7037.2 - 0
5414 Xi(bc)*0 7048.5 - 0
5422 Xi(bc)'+ 7037.2 - 0
5424 Xi(bc)*+ 7048.5 - 0
5432 Omega(bc)'0 7211 - 0
5434 Omega(bc)*0 7219 - 0
5442 Omega(bcc)+ 8309.5 - 0.364
5444 Omega(bcc)*+ 8313.3 - 0
5512 Xi(bb)- 10422.7 - 0.364
5514 Xi(bb)*- 10441.4 - 0
5522 Xi(bb)0 10422.7 - 0.364
5524 Xi(bb)*0 10441.4 - 0
5532 Omega(bb)- 10602.1 - 0.364
5534 Omega(bb)*- 10614.3 - 0
5542 Omega(bbc)0 11707.7 - 0.364
5544 Omega(bbc)*0 11711.5 - 0
5554 Omega(bbb)*- 15110.6 - 0.364
10511 B(0)*0 5680 50 0
10521 B(0)*+ 5680 50 0
10531 B(s0)*0 5920 50 0
10541 B(c0)*+ 7250 50 0
10543 B(c1)(L)+ 7300 50 0
20513 B(1)(H)0 5780 50 0
20523 B(1)(H)+ 5780 50 0
20533 B(s1)(H)0 6020 50 0
20543 B(c1)(H)+ 7300 50 0
"""
"""Masses, widths and lifetimes of Pythia 8.3 (C. Bierlich et al., SciPost Phys. Codebases 8), which
are estimates; of its lifetimes only those of ground states, for excited ones decay at once."""


class Gap(NamedTuple):
    """A line of the tables: name, mass [MeV], width [MeV], mean flight c tau [mm]."""

    name: str
    mass: float
    width: float
    ctau: float


def _read(text: str) -> dict[int, Gap]:
    found = {}
    for line in text.strip().splitlines():
        number, name, mass, width, ctau = line.split()
        found[int(number)] = Gap(
            name, float(mass), 0.0 if width == "-" else float(width), float(ctau)
        )
    return found


GAPS = _read(_REVIEW) | _read(_PYTHIA)
"""Lines by PDG identifier; antiparticles are not listed."""


def opposite(name: str, charged: bool) -> str:
    """Name of the antiparticle as the `particle` package writes it.

    Args:
        name: of the particle, such as ``Xi(cc)++``.
        charged: whether the package leaves out the tilde, as it does for charged mesons.
    """
    stem = name.rstrip("+-0")
    end = name[len(stem) :].translate(str.maketrans("+-", "-+"))
    return f"{stem}{'' if charged else '~'}{end}"
