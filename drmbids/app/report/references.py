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
    "evidence": (
        "MacKay, D. J. C. (1992). Bayesian interpolation. Neural Computation, 4(3), 415-447. "
        "https://doi.org/10.1162/neco.1992.4.3.415"
    ),
    "stacking": (
        "Breiman, L. (1996). Stacked regressions. Machine Learning, 24(1), 49-64. "
        "https://doi.org/10.1007/BF00117832"
    ),
    "truncation": (
        "Williams, R. J., & Peng, J. (1990). An efficient gradient-based algorithm for on-line "
        "training of recurrent network trajectories. Neural Computation, 2(4), 490-501. "
        "https://doi.org/10.1162/neco.1990.2.4.490"
    ),
    "lbfgs": (
        "Liu, D. C., & Nocedal, J. (1989). On the limited memory BFGS method for large scale "
        "optimization. Mathematical Programming, 45, 503-528. https://doi.org/10.1007/BF01589116"
    ),
    "torch": (
        "Paszke, A., et al. (2019). PyTorch: an imperative style, high-performance deep learning "
        "library. Advances in Neural Information Processing Systems, 32. "
        "https://arxiv.org/abs/1912.01703"
    ),
    "random_effects": (
        "Patterson, H. D., & Thompson, R. (1971). Recovery of inter-block information when block "
        "sizes are unequal. Biometrika, 58(3), 545-554. https://doi.org/10.1093/biomet/58.3.545"
    ),
    "folds": (
        "Nadeau, C., & Bengio, Y. (2003). Inference for the generalization error. Machine "
        "Learning, 52(3), 239-281. https://doi.org/10.1023/A:1024068626366"
    ),
    "largest": (
        "Nichols, T. E., & Holmes, A. P. (2002). Nonparametric permutation tests for functional "
        "neuroimaging: a primer with examples. Human Brain Mapping, 15(1), 1-25. "
        "https://doi.org/10.1002/hbm.1058"
    ),
    "discovery": (
        "Benjamini, Y., & Hochberg, Y. (1995). Controlling the false discovery rate: a practical "
        "and powerful approach to multiple testing. Journal of the Royal Statistical Society B, "
        "57(1), 289-300. https://doi.org/10.1111/j.2517-6161.1995.tb02031.x"
    ),
    "ceiling": (
        "Sahani, M., & Linden, J. F. (2003). How linear are auditory cortical responses? Advances "
        "in Neural Information Processing Systems, 15, 125-132."
    ),
    "normalised": (
        "Schoppe, O., Harper, N. S., Willmore, B. D. B., King, A. J., & Schnupp, J. W. H. (2016). "
        "Measuring the performance of neural models. Frontiers in Computational Neuroscience, 10, "
        "10. https://doi.org/10.3389/fncom.2016.00010"
    ),
    "bootstrap": (
        "Efron, B. (1987). Better bootstrap confidence intervals. Journal of the American "
        "Statistical Association, 82(397), 171-185. "
        "https://doi.org/10.1080/01621459.1987.10478410"
    ),
    "mixed": (
        "Hartung, J., & Knapp, G. (2001). A refined method for the meta-analysis of controlled "
        "clinical trials with binary outcome. Statistics in Medicine, 20(24), 3875-3889. "
        "https://doi.org/10.1002/sim.1009"
    ),
    "between": (
        "Paule, R. C., & Mandel, J. (1982). Consensus values and weighting factors. Journal of "
        "Research of the National Bureau of Standards, 87(5), 377-385. "
        "https://doi.org/10.6028/jres.087.022"
    ),
    "selection": (
        "Stephan, K. E., Penny, W. D., Daunizeau, J., Moran, R. J., & Friston, K. J. (2009). "
        "Bayesian model selection for group studies. NeuroImage, 46(4), 1004-1017. "
        "https://doi.org/10.1016/j.neuroimage.2009.03.025"
    ),
    "protected": (
        "Rigoux, L., Stephan, K. E., Friston, K. J., & Daunizeau, J. (2014). Bayesian model "
        "selection for group studies - revisited. NeuroImage, 84, 971-985. "
        "https://doi.org/10.1016/j.neuroimage.2013.08.065"
    ),
    "retroicor": (
        "Glover, G. H., Li, T.-Q., & Ress, D. (2000). Image-based method for retrospective "
        "correction of physiological motion effects in fMRI: RETROICOR. Magnetic Resonance in "
        "Medicine, 44(1), 162-167. "
        "https://doi.org/10.1002/1522-2594(200007)44:1<162::AID-MRM23>3.0.CO;2-E"
    ),
    "hr": (
        "Chang, C., Cunningham, J. P., & Glover, G. H. (2009). Influence of heart rate on the BOLD "
        "signal: the cardiac response function. NeuroImage, 44(3), 857-869. "
        "https://doi.org/10.1016/j.neuroimage.2008.09.029"
    ),
    "rv": (
        "Birn, R. M., Smith, M. A., Jones, T. B., & Bandettini, P. A. (2008). The respiration "
        "response function: the temporal dynamics of fMRI signal fluctuations related to changes "
        "in respiration. NeuroImage, 40(2), 644-654. "
        "https://doi.org/10.1016/j.neuroimage.2007.11.059"
    ),
    "neurokit": (
        "Makowski, D., et al. (2021). NeuroKit2: a Python toolbox for neurophysiological signal "
        "processing. Behavior Research Methods, 53(4), 1689-1696. "
        "https://doi.org/10.3758/s13428-020-01516-y"
    ),
    "nilearn": (
        "Abraham, A., et al. (2014). Machine learning for neuroimaging with scikit-learn. "
        "Frontiers in Neuroinformatics, 8, 14. https://doi.org/10.3389/fninf.2014.00014"
    ),
    "commonality": (
        "Mood, A. M. (1971). Partitioning variance in multiple regression analyses as a tool for "
        "developing learning models. American Educational Research Journal, 8(2), 191-202. "
        "https://doi.org/10.3102/00028312008002191"
    ),
    "product": (
        "Hoffman, P. J. (1960). The paramorphic representation of clinical judgment. Psychological "
        "Bulletin, 57(2), 116-131. https://doi.org/10.1037/h0047807"
    ),
    "sandwich": (
        "White, H. (1982). Maximum likelihood estimation of misspecified models. Econometrica, "
        "50(1), 1-25. https://doi.org/10.2307/1912526"
    ),
    "slow": (
        "Lazarus, E., Lewis, D. J., Stock, J. H., & Watson, M. W. (2018). HAR inference: "
        "recommendations for practice. Journal of Business & Economic Statistics, 36(4), 541-559. "
        "https://doi.org/10.1080/07350015.2018.1506926"
    ),
    "resampled": (
        "Hesterberg, T. C. (2015). What teachers should know about the bootstrap: resampling in "
        "the undergraduate statistics curriculum. The American Statistician, 69(4), 371-386. "
        "https://doi.org/10.1080/00031305.2015.1089789"
    ),
}
