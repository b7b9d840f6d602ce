namespace Limn.Games;

/// <summary>What the features of a picture, a text or a time series are.</summary>
public enum PlayerKind
{
    /// <summary>Each element; of pictures [N,C,H,W] and time series [N,C,L] with more than 64 elements a row superpixels by SLIC and windows; of a text its words.</summary>
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

    /// <summary>Windows of a time series, stretches of each channel.</summary>
    Windows,

    /// <summary>The words of a text.</summary>
    Words,

    /// <summary>The sentences of a text.</summary>
    Sentences,
}
