using System.Numerics.Tensors;
using Limn.ClassActivation;
using Limn.Engine;
using Limn.Models;

namespace Limn.Games;

/// <summary>An input that is covered position by position, all channels of a position together.</summary>
/// <param name="Index">Which input of the model it is.</param>
/// <param name="Channels">How many channels a position has.</param>
/// <param name="Height">The picture's height; 1 for what has one axis of positions.</param>
/// <param name="Width">The picture's width, or the number of positions.</param>
/// <param name="Interleaved">Whether the channels of a position lie side by side (NHWC), not in planes (NCHW).</param>
/// <param name="IsTable">Whether the positions are columns, which have no neighbours.</param>
internal sealed record PicturePlace(int Index, int Channels, int Height, int Width, bool Interleaved, bool IsTable)
{
    public int Positions => Height * Width;

    /// <summary>The first picture [N,C,H,W] (or [N,H,W,C], as the network reads it); where there is none the first sequence [N,C,L]; where there is none the first table.</summary>
    /// <exception cref="ShapeMismatchException">There is nothing to cover.</exception>
    public static PicturePlace Of(IPredictor model, IReadOnlyList<NdArray> inputs, string method)
    {
        foreach (int rank in (ReadOnlySpan<int>)[4, 3])
            for (int i = 0; i < inputs.Count; i++)
                if (inputs[i].Type.IsFloating() && inputs[i].Rank == rank) return Picture(model, inputs[i], i);
        for (int i = 0; i < inputs.Count; i++)
            if (inputs[i].Type.IsFloating()) return new PicturePlace(i, 1, 1, inputs[i].Length / inputs[i].Dims[0], false, true);
        throw new ShapeMismatchException($"The method '{method}' covers parts of a picture, a sequence or a table of floating-point numbers, and no input is one: {string.Join(", ", inputs)}. Use kernel-shap or feature-ablation.");
    }

    /// <summary>An input of three or four axes as a picture.</summary>
    public static PicturePlace Picture(IPredictor model, NdArray input, int index)
    {
        int axis = model is OnnxModel network && index < network.Graph.Inputs.Count ? InputChannels.Axis(network.Graph, network.Graph.Inputs[index]) : 1;
        bool last = axis == input.Rank - 1;
        int[] sides = last ? input.Dims[1..^1].ToArray() : input.Dims[2..].ToArray();
        return new PicturePlace(index, input.Dims[last ? input.Rank - 1 : 1], sides.Length == 1 ? 1 : sides[0], sides[^1], last, false);
    }

    /// <summary>b + (x − b) · m, the mask being the same for all channels.</summary>
    /// <param name="difference">x − b.</param>
    /// <param name="absent">b.</param>
    /// <param name="mask">m, a number for each position.</param>
    /// <param name="mixed">Where to.</param>
    public void Mix(ReadOnlySpan<float> difference, ReadOnlySpan<float> absent, ReadOnlySpan<float> mask, Span<float> mixed)
    {
        int size = Positions;
        if (Interleaved)
            for (int p = 0; p < size; p++)
                TensorPrimitives.MultiplyAdd(difference.Slice(p * Channels, Channels), mask[p], absent.Slice(p * Channels, Channels), mixed.Slice(p * Channels, Channels));
        else
            for (int c = 0; c < Channels; c++)
                TensorPrimitives.MultiplyAdd(difference.Slice(c * size, size), mask, absent.Slice(c * size, size), mixed.Slice(c * size, size));
    }

    /// <summary>The sum over channels of a · b, for each position.</summary>
    public void SumProducts(ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> sums)
    {
        int size = Positions;
        sums[..size].Clear();
        if (Interleaved)
            for (int p = 0; p < size; p++) sums[p] = TensorPrimitives.Dot(a.Slice(p * Channels, Channels), b.Slice(p * Channels, Channels));
        else
            for (int c = 0; c < Channels; c++) TensorPrimitives.MultiplyAdd(a.Slice(c * size, size), b.Slice(c * size, size), sums[..size], sums[..size]);
    }

    /// <summary>A row [C,H,W] in planes.</summary>
    public NdArray Planes(NdArray row)
    {
        NdArray planes = NdArray.Create(ElementType.Float, Channels, Height, Width);
        for (int e = 0; e < planes.Length; e++) planes.Floats[e] = row.Floats[Interleaved ? e % Positions * Channels + e / Positions : e];
        return planes;
    }

    /// <summary>A number for each element of a row from one for each position.</summary>
    public void Spread<T>(ReadOnlySpan<T> map, Span<T> row)
    {
        for (int c = 0; c < Channels; c++)
            if (Interleaved)
                for (int p = 0; p < map.Length; p++) row[p * Channels + c] = map[p];
            else map.CopyTo(row[(c * map.Length)..]);
    }

    /// <summary>Maps of rows as arrays of the inputs' shapes: every channel gets its position's number, and other inputs zero.</summary>
    public NdArray[] Spread(IReadOnlyList<NdArray> inputs, IReadOnlyList<float[]> maps) => [.. inputs.Select((x, i) =>
    {
        NdArray spread = NdArray.Create(ElementType.Float, x.Dims.ToArray());
        int inner = spread.Length / Math.Max(1, maps.Count);
        for (int r = 0; r < maps.Count && i == Index; r++) Spread<float>(maps[r], spread.Floats.Slice(r * inner, inner));
        return spread;
    })];
}
