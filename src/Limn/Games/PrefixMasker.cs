using System.Buffers;
using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Limn.Engine;

namespace Limn.Games;

/// <summary>Makes the values of a network's affine first layer for coalitions, as sums of what each present player changes there.</summary>
/// <remarks>
/// Players are taken a few together, and the sums of each of their subsets made once: a row of the layer is then the sum of one entry for each such group. The sums
/// are in single precision, in the order of the players.
/// </remarks>
internal sealed class PrefixMasker(AffinePrefix prefix, ReplacingMasker masker) : IMasker
{
    private const long Near = 3L << 19, Most = 32L << 20; // bytes: what stays near the processor, and what is worth it at all
    private const int RowsAtOnce = 1 << 13;

    private readonly int together = Together(masker, prefix.Width);
    private readonly Lock gate = new();
    private float[]? sums; // [draws, groups, subsets, width]; the first group's hold the layer with nobody present

    public int Players => masker.Players;

    public int Draws => masker.Draws;

    public IReadOnlyList<double>? Weights => masker.Weights;

    // A draw's sums stay in the first-level cache while the coalitions pass.
    public bool DrawsFirst => true;

    private int Groups => (Players + together - 1) / together;

    private int Stride => Groups * prefix.Width << together;

    /// <summary>Whether the sums take little enough memory.</summary>
    public static bool Fits(ReplacingMasker masker, int width) => masker.Players > 0 && Bytes(masker, width, 1) <= Most;

    public NdArray[] Room(int rows) => [NdArray.Create(ElementType.Float, rows, prefix.Width)];

    public void Write(ReadOnlySpan<ulong> coalition, int draw, int draws, IReadOnlyList<NdArray> rows, int at)
    {
        float[] table = Sums();
        Span<int> offsets = stackalloc int[Groups];
        Find(coalition, offsets);
        Span<float> to = rows[0].Floats;
        for (int d = 0; d < draws; d++) Add(table.AsSpan((draw + d) * Stride, Stride), offsets, to.Slice((at + d) * prefix.Width, prefix.Width));
    }

    public void Write(Coalitions coalitions, int from, ReadOnlySpan<int> draws, IReadOnlyList<NdArray> rows)
    {
        float[] table = Sums();
        Span<int> offsets = stackalloc int[Groups];
        Span<float> to = rows[0].Floats;
        for (int i = 0; i < draws.Length; i++)
        {
            Find(coalitions[from + i], offsets);
            Add(table.AsSpan(draws[i] * Stride, Stride), offsets, to.Slice(i * prefix.Width, prefix.Width));
        }
    }

    public void Write(Coalitions coalitions, int from, int count, IReadOnlyList<NdArray> rows)
    {
        float[] table = Sums();
        int groups = Groups, width = prefix.Width;
        int[] offsets = ArrayPool<int>.Shared.Rent(count * groups);
        for (int i = 0; i < count; i++) Find(coalitions[from + i], offsets.AsSpan(i * groups, groups));
        Span<float> to = rows[0].Floats;
        for (int d = 0; d < Draws; d++)
        {
            ReadOnlySpan<float> ofDraw = table.AsSpan(d * Stride, Stride);
            for (int i = 0; i < count; i++) Add(ofDraw, offsets.AsSpan(i * groups, groups), to.Slice((d * count + i) * width, width));
        }
        ArrayPool<int>.Shared.Return(offsets);
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

    private static void Add(ReadOnlySpan<float> table, ReadOnlySpan<int> offsets, Span<float> to)
    {
        ref float from = ref MemoryMarshal.GetReference(table);
        ref float target = ref MemoryMarshal.GetReference(to);
        int i = 0;
        if (Vector512.IsHardwareAccelerated)
        {
            for (; i <= to.Length - 4 * Vector512<float>.Count; i += 4 * Vector512<float>.Count)
            {
                ref float first = ref Unsafe.Add(ref from, offsets[0] + i);
                Vector512<float> a = Vector512.LoadUnsafe(ref first), b = Vector512.LoadUnsafe(ref first, 16), c = Vector512.LoadUnsafe(ref first, 32), d = Vector512.LoadUnsafe(ref first, 48);
                for (int g = 1; g < offsets.Length; g++)
                {
                    ref float next = ref Unsafe.Add(ref from, offsets[g] + i);
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
            for (; i <= to.Length - Vector512<float>.Count; i += Vector512<float>.Count)
            {
                Vector512<float> sum = Vector512.LoadUnsafe(ref from, (nuint)(offsets[0] + i));
                for (int g = 1; g < offsets.Length; g++) sum += Vector512.LoadUnsafe(ref from, (nuint)(offsets[g] + i));
                sum.StoreUnsafe(ref target, (nuint)i);
            }
        }
        for (; i <= to.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector<float> sum = Vector.LoadUnsafe(ref from, (nuint)(offsets[0] + i));
            for (int g = 1; g < offsets.Length; g++) sum += Vector.LoadUnsafe(ref from, (nuint)(offsets[g] + i));
            sum.StoreUnsafe(ref target, (nuint)i);
        }
        for (; i < to.Length; i++)
        {
            float sum = table[offsets[0] + i];
            for (int g = 1; g < offsets.Length; g++) sum += table[offsets[g] + i];
            to[i] = sum;
        }
    }

    private float[] Sums()
    {
        if (Volatile.Read(ref sums) is { } made) return made;
        lock (gate) return sums ??= Make();
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
