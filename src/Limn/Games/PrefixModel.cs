using System.Buffers;
using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Limn.Engine;

namespace Limn.Games;

/// <summary>What the features of one row are worth to a network that begins affinely: its layer is summed of what each present player changes there, and the rest of it run.</summary>
/// <remarks>
/// Players are taken a few together, and the sums of each of their subsets made once: a row of the layer is then the sum of one entry for each such group. The sums
/// are in single precision, in the order of the players. Work goes draw by draw, so that a draw's sums stay in the first-level cache while the coalitions pass.
/// </remarks>
internal sealed class PrefixModel(AffinePrefix prefix, Workbench bench, int row, ReplacingMasker masker) : IValueFunction
{
    private const long Near = 2L << 20, Most = 32L << 20; // bytes: what stays near the processor, and what is worth it at all
    private const int RowsAtOnce = 1 << 13;

    private readonly int together = Together(masker, prefix.Width);
    private readonly int size = bench.Scorer.Portion;
    private float[]? sums; // [draws, groups, subsets, width]; the first group's hold the layer with nobody present

    public int Players => masker.Players;

    public int Draws => masker.Draws;

    public IReadOnlyList<double>? Weights => masker.Weights;

    private int Groups => (Players + together - 1) / together;

    private int Stride => Groups * prefix.Width << together;

    /// <summary>Whether the sums take little enough memory.</summary>
    public static bool Fits(ReplacingMasker masker, int width) => masker.Players > 0 && Bytes(masker, width, 1) <= Most;

    public void Evaluate(Coalitions coalitions, int from, Span<double> values)
    {
        if (values.Length == 0) return;
        int count = values.Length, side = Math.Min(count, size), deep = Math.Max(1, size / side), columns = (count + side - 1) / side, bands = (Draws + deep - 1) / deep;
        float[] table = sums ??= Make();
        int[] offsets = Offsets(coalitions, from, count);
        double[] scores = ArrayPool<double>.Shared.Rent(checked(Draws * count));
        bench.Run(row, columns * bands, Room, (u, place) =>
        {
            int first = u % columns * side, some = Math.Min(side, count - first), draw = u / columns * deep, last = Math.Min(Draws, draw + deep);
            Span<float> to = place.Room[0].Floats;
            for (int d = draw; d < last; d++)
                Add(table.AsSpan(d * Stride, Stride), offsets.AsSpan(first * Groups, some * Groups), Groups, to.Slice((d - draw) * some * prefix.Width, some * prefix.Width), prefix.Width);
            Score(place, some * (last - draw));
            for (int d = draw; d < last; d++) place.Scores.AsSpan((d - draw) * some, some).CopyTo(scores.AsSpan(d * count + first));
        });
        values.Clear();
        for (int d = 0; d < Draws; d++) TensorPrimitives.MultiplyAdd(scores.AsSpan(d * count, count), Weights?[d] ?? 1.0 / Draws, values, values);
        ArrayPool<double>.Shared.Return(scores);
        ArrayPool<int>.Shared.Return(offsets);
    }

    public void EvaluateDraws(Coalitions coalitions, ReadOnlySpan<int> draws, Span<double> values)
    {
        float[] table = sums ??= Make();
        int[] offsets = Offsets(coalitions, 0, values.Length), of = draws.ToArray();
        var found = new double[values.Length];
        bench.Run(row, (found.Length + size - 1) / size, Room, (u, place) =>
        {
            int first = u * size, count = Math.Min(size, found.Length - first);
            Span<float> to = place.Room[0].Floats;
            for (int i = 0; i < count; i++)
                Add(table.AsSpan(of[first + i] * Stride, Stride), offsets.AsSpan((first + i) * Groups, Groups), Groups, to.Slice(i * prefix.Width, prefix.Width), prefix.Width);
            Score(place, count);
            place.Scores.AsSpan(0, count).CopyTo(found.AsSpan(first));
        });
        found.CopyTo(values);
        ArrayPool<int>.Shared.Return(offsets);
    }

    private NdArray[] Room(int rows) => [NdArray.Create(ElementType.Float, rows, prefix.Width)];

    private void Score(Workplace place, int count) => bench.Scorer.Scores(row, place.Rows(count), place.Scores.AsSpan(0, count), place.Session);

    /// <summary>Where the sums of each coalition's groups begin, in room to be given back.</summary>
    private int[] Offsets(Coalitions coalitions, int from, int count)
    {
        int[] offsets = ArrayPool<int>.Shared.Rent(count * Groups);
        for (int i = 0; i < count; i++) Find(coalitions[from + i], offsets.AsSpan(i * Groups, Groups));
        return offsets;
    }

    /// <summary>Where each group's sum begins.</summary>
    private void Find(ReadOnlySpan<ulong> coalition, Span<int> offsets)
    {
        int mask = (1 << together) - 1;
        for (int g = 0, player = 0; g < offsets.Length; g++, player += together)
        {
            ulong bits = coalition[player >> 6] >> (player & 63);
            if ((player & 63) + together > 64 && (player >> 6) + 1 < coalition.Length) bits |= coalition[(player >> 6) + 1] << (64 - (player & 63));
            offsets[g] = ((g << together) + ((int)bits & mask)) * prefix.Width;
        }
    }

    /// <summary>Adds up the groups' sums of some rows that are of the same draw.</summary>
    /// <param name="table">The draw's sums.</param>
    /// <param name="offsets">[rows, groups] Where each begins.</param>
    /// <param name="groups">How many groups there are.</param>
    /// <param name="to">[rows, width] The rows.</param>
    /// <param name="width">The layer's width.</param>
    private static void Add(ReadOnlySpan<float> table, ReadOnlySpan<int> offsets, int groups, Span<float> to, int width)
    {
        ref float from = ref MemoryMarshal.GetReference(table);
        ref float target = ref MemoryMarshal.GetReference(to);
        ref int at = ref MemoryMarshal.GetReference(offsets);
        int rows = to.Length / width;
        for (int r = 0; r < rows; r++, target = ref Unsafe.Add(ref target, width), at = ref Unsafe.Add(ref at, groups))
        {
            int i = 0;
            if (Vector512.IsHardwareAccelerated)
            {
                for (; i <= width - 64; i += 64)
                {
                    ref float first = ref Unsafe.Add(ref from, at + i);
                    Vector512<float> a = Vector512.LoadUnsafe(ref first), b = Vector512.LoadUnsafe(ref first, 16), c = Vector512.LoadUnsafe(ref first, 32), d = Vector512.LoadUnsafe(ref first, 48);
                    for (int g = 1; g < groups; g++)
                    {
                        ref float next = ref Unsafe.Add(ref from, Unsafe.Add(ref at, g) + i);
                        a += Vector512.LoadUnsafe(ref next);
                        b += Vector512.LoadUnsafe(ref next, 16);
                        c += Vector512.LoadUnsafe(ref next, 32);
                        d += Vector512.LoadUnsafe(ref next, 48);
                    }
                    ref float there = ref Unsafe.Add(ref target, i);
                    a.StoreUnsafe(ref there);
                    b.StoreUnsafe(ref there, 16);
                    c.StoreUnsafe(ref there, 32);
                    d.StoreUnsafe(ref there, 48);
                }
            }
            for (; i <= width - Vector<float>.Count; i += Vector<float>.Count)
            {
                Vector<float> sum = Vector.LoadUnsafe(ref from, (nuint)(at + i));
                for (int g = 1; g < groups; g++) sum += Vector.LoadUnsafe(ref from, (nuint)(Unsafe.Add(ref at, g) + i));
                sum.StoreUnsafe(ref target, (nuint)i);
            }
            for (; i < width; i++)
            {
                float sum = Unsafe.Add(ref from, at + i);
                for (int g = 1; g < groups; g++) sum += Unsafe.Add(ref from, Unsafe.Add(ref at, g) + i);
                Unsafe.Add(ref target, i) = sum;
            }
        }
    }

    /// <summary>The layer for nobody and for each player alone, at every draw; their differences, and the sums of these.</summary>
    private float[] Make()
    {
        int width = prefix.Width, each = Math.Max(1, RowsAtOnce / Draws);
        var alone = new Coalitions(Players, Players + 1).AddEmpty();
        for (int p = 0; p < Players; p++)
        {
            alone.AddEmpty();
            alone.Join(p);
        }
        float[] table = prefix.Table(checked(Draws * Stride));
        var nobody = new float[Draws * width];
        for (int from = 0; from < alone.Count; from += each)
        {
            int count = Math.Min(each, alone.Count - from);
            NdArray[] rows = masker.Room(count * Draws);
            for (int i = 0; i < count; i++) masker.Write(alone[from + i], 0, Draws, rows, i * Draws);
            ReadOnlySpan<float> layer = prefix.Evaluate(rows[0], default).Floats;
            if (from == 0) layer[..nobody.Length].CopyTo(nobody);
            for (int i = Math.Max(0, 1 - from); i < count; i++)
            {
                int player = from + i - 1, at = ((player / together << together) + (1 << player % together)) * width;
                for (int d = 0; d < Draws; d++)
                    TensorPrimitives.Subtract(layer.Slice((i * Draws + d) * width, width), nobody.AsSpan(d * width, width), table.AsSpan(d * Stride + at, width));
            }
        }
        for (int d = 0; d < Draws; d++)
            for (int g = 0; g < Groups; g++)
            {
                Span<float> group = table.AsSpan(d * Stride + (g << together) * width, width << together);
                group[..width].Clear();
                for (int subset = 1; subset < 1 << together; subset++)
                {
                    int first = subset & -subset, others = subset ^ first;
                    if (others != 0) TensorPrimitives.Add(group.Slice(others * width, width), group.Slice(first * width, width), group.Slice(subset * width, width));
                }
                if (g > 0) continue;
                for (int subset = 0; subset < 1 << together; subset++) TensorPrimitives.Add(group.Slice(subset * width, width), nobody.AsSpan(d * width, width), group.Slice(subset * width, width));
            }
        return table;
    }

    private static int Together(ReplacingMasker masker, int width)
    {
        int few = 1;
        while (few < 6 && few < masker.Players && Bytes(masker, width, few + 1) <= Near) few++;
        return few;
    }

    private static long Bytes(ReplacingMasker masker, int width, int few) => 4L * masker.Draws * ((masker.Players + few - 1) / few) * width << few;
}
