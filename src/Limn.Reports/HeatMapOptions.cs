using Limn.Data;

namespace Limn.Reports;

/// <summary>How a map of several channels becomes one value a pixel.</summary>
public enum ChannelReduction
{
    /// <summary>The sum with signs: what the pixel contributes as a whole. Completeness survives it.</summary>
    Sum,

    /// <summary>The sum of absolute values: how much the pixel matters in either direction.</summary>
    SumOfAbsolutes,

    /// <summary>The largest absolute value, as the saliency maps of Simonyan et al. (2014) show it.</summary>
    MaximumOfAbsolutes,
}

/// <summary>Which colour map a heat map uses.</summary>
public enum HeatMapScale
{
    /// <summary>Diverging where a value is negative, sequential otherwise.</summary>
    Automatic,

    /// <summary>Blue, white, orange from −limit to +limit.</summary>
    Diverging,

    /// <summary>Dark to light from 0 to limit; negative values are drawn as 0.</summary>
    Sequential,
}

/// <summary>How a heat map is drawn.</summary>
public sealed record HeatMapOptions
{
    public ChannelReduction Reduction { get; init; } = ChannelReduction.Sum;

    public HeatMapScale Scale { get; init; } = HeatMapScale.Automatic;

    /// <summary>The percentile of |values| at which colours saturate, in (0, 100]. One pixel of huge value then does not hide all others.</summary>
    public double Percentile { get; init; } = 99;

    /// <summary>The opacity of the strongest value over the picture, in [0, 1]. Weaker values are more transparent; zero shows the picture itself.</summary>
    public double Opacity { get; init; } = 0.7;

    /// <summary>Whether the colour bar with its numbers is drawn to the right of the map.</summary>
    public bool ColorBar { get; init; } = true;

    /// <summary>Pictures smaller than this many pixels on their longer side are enlarged by a whole number (nearest neighbour), at least up to it.</summary>
    public int MinimumSize { get; init; } = 192;

    internal void Validate()
    {
        if (!(Percentile is > 0 and <= 100))
        {
            throw new InvalidOptionException($"The percentile of a heat map must be above 0 and at most 100; got {Percentile}.");
        }

        if (!(Opacity is >= 0 and <= 1))
        {
            throw new InvalidOptionException($"The opacity of a heat map must lie between 0 and 1; got {Opacity}.");
        }

        if (MinimumSize is < 1 or > 4096)
        {
            throw new InvalidOptionException($"The minimum size of a heat map must lie between 1 and 4096 pixels; got {MinimumSize}.");
        }

        if (!Enum.IsDefined(Reduction) || !Enum.IsDefined(Scale))
        {
            throw new InvalidOptionException($"Unknown channel reduction or scale of a heat map: {Reduction}, {Scale}.");
        }
    }
}

/// <summary>What is special about a map that was drawn.</summary>
[Flags]
public enum HeatMapFlags
{
    None = 0,

    /// <summary>Every finite value is zero; the map is drawn in the neutral colour (or shows the bare picture).</summary>
    AllZero = 1,

    /// <summary>Some values are NaN or infinite; they are drawn in <see cref="Palette.NonFinite"/>.</summary>
    NonFinite = 2,

    /// <summary>No value is finite.</summary>
    NothingFinite = 4,

    /// <summary>All values are equal and not zero: the map tells no pixel from another.</summary>
    Constant = 8,

    /// <summary>Some values lie beyond the limit of the colours and are drawn as if they were the limit.</summary>
    Clipped = 16,

    /// <summary>The map has negative values, but was drawn on a sequential scale, as asked: they look like zero.</summary>
    NegativeHidden = 32,
}

/// <summary>A drawn heat map and what must be said about it.</summary>
/// <param name="Picture">The pixels.</param>
/// <param name="Flags">What is special about the map.</param>
/// <param name="Diverging">True for the diverging scale, from −<paramref name="Limit"/> to +<paramref name="Limit"/>; false for the sequential one, from 0.</param>
/// <param name="Limit">The value of the strongest colour; 0 when the map is all zero or not finite.</param>
/// <param name="Minimum">The smallest finite value (NaN if there is none).</param>
/// <param name="Maximum">The largest finite value (NaN if there is none).</param>
/// <param name="NonFiniteCount">How many of the map's values are NaN or infinite, after channels were reduced.</param>
public sealed record HeatMapResult(
    Image Picture, HeatMapFlags Flags, bool Diverging, double Limit, double Minimum, double Maximum, int NonFiniteCount)
{
    /// <summary>The flags in words, one sentence each; empty when there is nothing to say.</summary>
    public IReadOnlyList<string> Remarks { get; init; } = [];
}
