"""Energy-weighted flow matching and diffusion (arXiv 2503.04975), and the guidance that it is compared with."""
