using Limn.Cli.Inputs;
using Limn.Data;
using Limn.Reports;

namespace Limn.Cli.Outputs;

/// <summary>The heat maps of an explanation of pictures.</summary>
internal static class HeatMaps
{
    private const int SmallestUnderlay = 24;

    /// <summary>The map of a row over its picture; null where what was explained is no picture.</summary>
    public static HeatMapResult? Of(Explanation explanation, int row, HeatMapOptions options)
    {
        AttributedTensor tensor = explanation.Attribution.Tensors[0];
        if (explanation.Attribution.Tensors.Count > 1) return null;
        int[] dims = tensor.Values.Dims();
        FilledInput? input = explanation.PictureInput;
        bool layer = input is null || !dims.AsSpan().SequenceEqual(input.Array.Dims);
        if ((layer ? PictureShape.OfLayer(dims) : PictureShape.Of(dims)) is not { } shape || dims[0] != explanation.Rows) return null;
        int inner = dims[1] * dims[2] * dims[3];
        float[] planes = shape.Planes(tensor.Values.ToDenseArray().AsSpan(row * inner, inner));
        return HeatMap.Render(planes, shape.Channels, shape.Height, shape.Width, Underlay(input, row), Drawn(explanation.Attribution, options));
    }

    /// <summary>The picture under the map. One of a few pixels would only muddle the colours: its map stands alone, beside it.</summary>
    private static Image? Underlay(FilledInput? input, int row) => Background(input, row) is { } picture && Math.Min(picture.Width, picture.Height) >= SmallestUnderlay ? picture : null;

    /// <summary>The picture that was explained; null where the input is none.</summary>
    public static Image? Background(FilledInput? input, int row) => input is null ? null : PictureShape.Of(input.Array.Dims)!.Value.Restore(input, row);

    /// <summary>Methods without a sign show their strongest channel from zero on, and so do maps of which a ReLU leaves no negative value; others keep the sign, around zero.</summary>
    private static HeatMapOptions Drawn(Attribution attribution, HeatMapOptions options) =>
        attribution.Options.TryGetValue("absolute", out object? absolute) && absolute is true ? options with { Reduction = ChannelReduction.MaximumOfAbsolutes, Scale = HeatMapScale.Automatic }
        : attribution.Method is "smooth-grad-squared" or "var-grad" or "full-grad" or "attention-rollout" or "attention-relevance" || (attribution.Options.TryGetValue("relu", out object? relu) && relu is true) ? options with { Scale = HeatMapScale.Automatic }
        : options with { Scale = HeatMapScale.Diverging };
}
