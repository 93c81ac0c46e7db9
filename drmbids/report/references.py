"""The literature that the methods text cites."""

#: Reference by key; each with an address that leads to it.
REFERENCES = {
    "drm": (
        "Güçlü, U., & van Gerven, M. A. J. (2017). Modeling the dynamics of human brain activity "
        "with recurrent neural networks. Frontiers in Computational Neuroscience, 11, 7. "
        "https://doi.org/10.3389/fncom.2017.00007"
    ),
    "bids": (
        "Gorgolewski, K. J., et al. (2016). The brain imaging data structure, a format for "
        "organizing and describing outputs of neuroimaging experiments. Scientific Data, 3, "
        "160044. https://doi.org/10.1038/sdata.2016.44"
    ),
    "encoding": (
        "Naselaris, T., Kay, K. N., Nishimoto, S., & Gallant, J. L. (2011). Encoding and decoding "
        "in fMRI. NeuroImage, 56(2), 400-410. https://doi.org/10.1016/j.neuroimage.2010.07.073"
    ),
    "hrf": (
        "Friston, K. J., et al. (1998). Event-related fMRI: characterizing differential "
        "responses. NeuroImage, 7(1), 30-40. https://doi.org/10.1006/nimg.1997.0306"
    ),
    "balloon": (
        "Stephan, K. E., et al. (2007). Comparing hemodynamic models with DCM. NeuroImage, 38(3), "
        "387-401. https://doi.org/10.1016/j.neuroimage.2007.07.040"
    ),
    "ridge": (
        "Hoerl, A. E., & Kennard, R. W. (1970). Ridge regression: biased estimation for "
        "nonorthogonal problems. Technometrics, 12(1), 55-67. "
        "https://doi.org/10.1080/00401706.1970.10488634"
    ),
    "truncation": (
        "Williams, R. J., & Peng, J. (1990). An efficient gradient-based algorithm for on-line "
        "training of recurrent network trajectories. Neural Computation, 2(4), 490-501. "
        "https://doi.org/10.1162/neco.1990.2.4.490"
    ),
    "torch": (
        "Paszke, A., et al. (2019). PyTorch: an imperative style, high-performance deep learning "
        "library. Advances in Neural Information Processing Systems, 32. "
        "https://arxiv.org/abs/1912.01703"
    ),
    "nilearn": (
        "Abraham, A., et al. (2014). Machine learning for neuroimaging with scikit-learn. "
        "Frontiers in Neuroinformatics, 8, 14. https://doi.org/10.3389/fninf.2014.00014"
    ),
}
