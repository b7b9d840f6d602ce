using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Engine;

namespace Limn.ClassActivation;

/// <summary>How a layer keeps its maps.</summary>
/// <param name="ChannelAxis">1 for [rows, channels, ...positions], the last for [rows, ...positions, channels] and tokens.</param>
/// <param name="Spatial">The map's size: height and width, or length, or depth, height and width.</param>
/// <param name="Leading">Tokens before those of the picture: a class token, or two.</param>
internal sealed record MapLayout(int ChannelAxis, int[] Spatial, int Leading)
{
    private const int MostLeading = 2; // a class token, and a distillation token

    /// <summary>The layout of a layer of which the values are <paramref name="layer"/>.</summary>
    /// <remarks>
    /// Where the network's operators do not tell which axis counts channels, it is axis 1. Tokens [rows, tokens, channels] of a network that
    /// reads pictures are laid out as the grid that has the picture's proportions, without the class token where there is one: for square
    /// pictures that is where the tokens, or all but one (or two), are a square number. In other networks tokens are a sequence.
    /// </remarks>
    /// <exception cref="InvalidTargetException">The layer has no positions.</exception>
    public static MapLayout Of(Graph graph, Value value, NdArray layer, IReadOnlyList<NdArray> inputs)
    {
        int[] dims = layer.Dims.ToArray();
        if (dims.Length < 3)
            throw new InvalidTargetException($"The layer '{value.Name}' has the shape {NdArray.Describe(dims)}: no positions, so there is no map of it. "
                + $"{LastFeatureMap.Suggestion(graph)}, or use input-x-gradient.");
        int axis = new ChannelAxes(graph).Of(value) ?? 1;
        int[] spatial = [.. dims.Where((_, d) => d != 0 && d != axis)];
        int picture = Enumerable.Range(0, inputs.Count).FirstOrDefault(i => inputs[i].Rank == 4, -1);
        if (dims.Length > 3 || axis == 1 || picture < 0) return new MapLayout(axis, spatial, 0);

        int[] sides = InputChannels.Spatial(graph, graph.Inputs[picture], inputs[picture].Dims);
        if (Grid(spatial[0], sides) is { } grid) return new MapLayout(axis, grid.Spatial, grid.Leading);
        throw new InvalidTargetException($"The {spatial[0]} tokens of the layer '{value.Name}' do not make a grid of the proportions of the picture, {sides[0]} x {sides[1]}, "
            + "with or without a class token, so it is not known where they lie. Choose another layer (--at).");
    }

    /// <summary>The grid of the proportions of a picture that tokens make, after the least number of leading ones; null if they make none.</summary>
    public static (int[] Spatial, int Leading)? Grid(int all, int[] sides)
    {
        for (int leading = 0; leading <= MostLeading; leading++)
        {
            int tokens = all - leading;
            int width = (int)Math.Round(Math.Sqrt((double)tokens * sides[1] / sides[0]));
            if (tokens > 0 && width > 0 && tokens % width == 0 && (long)(tokens / width) * sides[1] == (long)width * sides[0]) return ([tokens / width, width], leading);
        }
        return null;
    }

    /// <summary>A layer's values as [rows, channels, positions].</summary>
    public NdArray ToMaps(NdArray layer)
    {
        int[] dims = layer.Dims.ToArray();
        int rows = dims[0], channels = dims[ChannelAxis], all = layer.Length / Math.Max(1, rows * channels);
        if (ChannelAxis == 1) return layer.Reshape(rows, channels, all);
        if (ChannelAxis != dims.Length - 1)
            throw new InvalidTargetException($"The channels of a layer of shape {NdArray.Describe(dims)} lie between its positions, along axis {ChannelAxis}. Choose another layer (--at).");
        int positions = all - Leading;
        NdArray maps = NdArray.Create(ElementType.Float, rows, channels, positions);
        ReadOnlySpan<float> from = layer.Floats;
        Span<float> to = maps.Floats;
        for (int r = 0; r < rows; r++)
            for (int p = 0; p < positions; p++)
                for (int c = 0; c < channels; c++) to[(r * channels + c) * positions + p] = from[(r * all + Leading + p) * channels + c];
        return maps;
    }

    /// <summary>Sets a channel of one row of a layer to a value at all its positions; leading tokens keep theirs.</summary>
    public void Fill(NdArray layer, int row, int channel, float value)
    {
        int channels = layer.Dims[ChannelAxis], all = layer.Length / (layer.Dims[0] * channels);
        if (ChannelAxis == 1)
        {
            layer.Floats.Slice((row * channels + channel) * all, all).Fill(value);
            return;
        }
        for (int p = Leading; p < all; p++) layer.Floats[(row * all + p) * channels + channel] = value;
    }

    /// <summary>A layer's values as [rows, channels, positions], in a graph.</summary>
    public Value ToMaps(GraphBuilder graph, Value layer)
    {
        Dim[] dims = [.. layer.Shape!];
        Dim rows = dims[0], channels = dims[ChannelAxis];
        if (ChannelAxis == 1) return graph.Assume(graph.Reshape(layer, 0, channels.Value, -1), [rows, channels, NdArray.Count(Spatial)]);
        if (ChannelAxis != dims.Length - 1)
            throw new InvalidTargetException($"The channels of a layer of shape {layer.Shape} lie between its positions, along axis {ChannelAxis}. Choose another layer (--at).");
        Value tokens = graph.Reshape(layer, 0, -1, channels.Value);
        if (Leading > 0) tokens = graph.Slice(tokens, [Leading], [int.MaxValue], [1]);
        return graph.Assume(graph.Transpose(tokens, 0, 2, 1), [rows, channels, NdArray.Count(Spatial)]);
    }
}
