namespace Limn.Games;

/// <summary>What the features of a picture are.</summary>
public enum PictureFeatures
{
    /// <summary>Each element, except of pictures [N,C,H,W] with more than 64 elements a row, which are divided by SLIC.</summary>
    Auto,

    /// <summary>Each element, each channel of a pixel on its own.</summary>
    Elements,

    /// <summary>Superpixels: regions of like colour and about the same size.</summary>
    Slic,

    /// <summary>Regions that the contrast at their borders sets apart, of any size.</summary>
    Felzenszwalb,

    /// <summary>Regions around the modes of the density of colour and place.</summary>
    Quickshift,

    /// <summary>Rectangles, as square as the picture allows.</summary>
    Grid,
}
