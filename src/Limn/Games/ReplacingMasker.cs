using System.Buffers;
using System.Numerics;
using System.Runtime.InteropServices;
using Limn.Engine;

namespace Limn.Games;

/// <summary>Elements of absent players are those of a baseline, or of each of several background rows in turn.</summary>
/// <remarks>
/// With background rows the value of a coalition S is v(S) = Σ_m w_m F(x_S, b_m without S): the features that are absent are drawn independently of those that
/// are present, whatever they are ("interventional", "marginal"; Janzing, Minorics, Blöbaum 2020).
/// </remarks>
/// <param name="players">Who owns which element.</param>
/// <param name="present">The row that is explained: an array of one row for each explained tensor.</param>
/// <param name="absent">What replaces absent elements: the same arrays with a row for each draw.</param>
/// <param name="weights">The weight of each draw, adding up to one; null where all count the same.</param>
public sealed class ReplacingMasker(Players players, IReadOnlyList<NdArray> present, IReadOnlyList<NdArray> absent, IReadOnlyList<double>? weights = null) : IMasker
{
    private const int ShortRow = 256;

    private static readonly Vector<int> Bit = new([.. Enumerable.Range(0, Vector<int>.Count).Select(i => 1 << i)]);

    // Short rows of many draws are mixed across their ends: the row as often as a vector has elements, so that it begins anew at a vector's beginning.
    private readonly float[]?[] repeated = [.. present.Select((x, i) => x.Type.Storage() == Storage.Float && x.Length is > 0 and <= ShortRow && absent[i].Dims[0] >= Vector<float>.Count
        ? Enumerable.Repeat(x.Floats.ToArray(), Vector<float>.Count).SelectMany(v => v).ToArray() : null)];

    // Where every element is the player of its own number, a coalition's bits are the mask.
    private readonly bool own = present is [var only] && only.Type.Storage() == Storage.Float && players.Of[0].Select((p, e) => p == e).All(same => same);

    public int Players => players.Count;

    public int Draws { get; } = absent[0].Dims[0];

    public IReadOnlyList<double>? Weights => weights;

    public NdArray[] Room(int rows) => [.. present.Select(x => NdArray.Create(x.Type, [rows, .. x.Dims[1..]]))];

    public void Write(ReadOnlySpan<ulong> coalition, int draw, int draws, IReadOnlyList<NdArray> rows, int at)
    {
        ArgumentNullException.ThrowIfNull(rows);
        for (int place = 0; place < present.Count; place++)
        {
            int length = present[place].Length;
            bool isShort = repeated[place] is not null && draws >= Vector<float>.Count;
            int[] stays = ArrayPool<int>.Shared.Rent(isShort ? length * Vector<float>.Count : length);
            int[] of = players.Of[place];
            for (int e = 0; e < length; e++) stays[e] = of[e] < 0 || Coalitions.Has(coalition, of[e]) ? -1 : 0;
            if (isShort) MixAcross(stays, repeated[place], absent[place].Floats.Slice(draw * length, draws * length), rows[place].Floats.Slice(at * length, draws * length), length);
            else for (int d = 0; d < draws; d++) Mix(stays.AsSpan(0, length), present[place], absent[place], draw + d, rows[place], at + d);
            ArrayPool<int>.Shared.Return(stays);
        }
    }

    public void Write(Coalitions coalitions, int from, ReadOnlySpan<int> draws, IReadOnlyList<NdArray> rows)
    {
        ArgumentNullException.ThrowIfNull(coalitions);
        ArgumentNullException.ThrowIfNull(rows);
        if (present.Count != 1 || !own)
        {
            for (int i = 0; i < draws.Length; i++) Write(coalitions[from + i], draws[i], 1, rows, i);
            return;
        }
        int length = present[0].Length;
        ReadOnlySpan<float> mine = present[0].Floats, others = absent[0].Floats;
        Span<float> mixed = rows[0].Floats;
        for (int i = 0; i < draws.Length; i++) Mix(coalitions[from + i], mine, others.Slice(draws[i] * length, length), mixed.Slice(i * length, length));
    }

    /// <summary>Which players have the same elements in the row and in every draw, so that nothing changes when they go.</summary>
    public bool[] Constant()
    {
        var constant = new bool[players.Count];
        Array.Fill(constant, true);
        for (int place = 0; place < present.Count; place++)
        {
            int[] of = players.Of[place];
            for (int d = 0; d < Draws; d++)
                for (int e = 0; e < of.Length; e++)
                    if (of[e] >= 0 && constant[of[e]] && !Same(present[place], absent[place], e, d * of.Length + e)) constant[of[e]] = false;
        }
        return constant;
    }

    private static bool Same(NdArray a, NdArray b, int i, int j) => a.Type.Storage() switch
    {
        Storage.Float => a.Floats[i].Equals(b.Floats[j]),
        Storage.Integer => a.Integers[i] == b.Integers[j],
        Storage.Boolean => a.Booleans[i] == b.Booleans[j],
        _ => a.Strings[i] == b.Strings[j],
    };

    /// <summary>Mixes rows that lie one behind the other.</summary>
    private static void MixAcross(Span<int> stays, ReadOnlySpan<float> present, ReadOnlySpan<float> absent, Span<float> mixed, int length)
    {
        int width = Vector<float>.Count, period = length * width, i = 0;
        for (int done = length; done < period; done *= 2) stays[..Math.Min(done, period - done)].CopyTo(stays[done..]);
        ref int mask = ref MemoryMarshal.GetReference(stays);
        ref float mine = ref MemoryMarshal.GetReference(present);
        ref float others = ref MemoryMarshal.GetReference(absent);
        ref float to = ref MemoryMarshal.GetReference(mixed);
        for (int at = 0; i <= mixed.Length - width; i += width)
        {
            Vector.ConditionalSelect(Vector.LoadUnsafe(ref mask, (nuint)at), Vector.LoadUnsafe(ref mine, (nuint)at), Vector.LoadUnsafe(ref others, (nuint)i)).StoreUnsafe(ref to, (nuint)i);
            at += width;
            if (at == period) at = 0;
        }
        for (; i < mixed.Length; i++) mixed[i] = stays[i % length] != 0 ? present[i % length] : absent[i];
    }

    private static void Mix(ReadOnlySpan<int> stays, NdArray present, NdArray absent, int draw, NdArray rows, int row)
    {
        int length = stays.Length;
        switch (present.Type.Storage())
        {
            case Storage.Float: Mix(stays, present.Floats, absent.Floats.Slice(draw * length, length), rows.Floats.Slice(row * length, length)); break;
            case Storage.Integer: Choose<long>(stays, present.Integers, absent.Integers.Slice(draw * length, length), rows.Integers.Slice(row * length, length)); break;
            case Storage.Boolean: Choose<bool>(stays, present.Booleans, absent.Booleans.Slice(draw * length, length), rows.Booleans.Slice(row * length, length)); break;
            default: Choose<string>(stays, present.Strings, absent.Strings.Slice(draw * length, length), rows.Strings.Slice(row * length, length)); break;
        }
    }

    private static void Mix(ReadOnlySpan<int> stays, ReadOnlySpan<float> present, ReadOnlySpan<float> absent, Span<float> mixed)
    {
        int e = 0;
        for (; e <= stays.Length - Vector<float>.Count; e += Vector<float>.Count)
        {
            Vector<float> chosen = Vector.ConditionalSelect(new Vector<int>(stays[e..]), new Vector<float>(present[e..]), new Vector<float>(absent[e..]));
            chosen.CopyTo(mixed[e..]);
        }
        for (; e < stays.Length; e++) mixed[e] = stays[e] != 0 ? present[e] : absent[e];
    }

    private static void Mix(ReadOnlySpan<ulong> coalition, ReadOnlySpan<float> present, ReadOnlySpan<float> absent, Span<float> mixed)
    {
        Vector<int> bit = Bit;
        int e = 0;
        for (; e <= mixed.Length - Vector<float>.Count; e += Vector<float>.Count)
        {
            Vector<int> chosen = Vector.Equals(Vector.BitwiseAnd(Vector.Create((int)(coalition[e >> 6] >> (e & 63))), bit), bit);
            Vector.ConditionalSelect(chosen, new Vector<float>(present[e..]), new Vector<float>(absent[e..])).CopyTo(mixed[e..]);
        }
        for (; e < mixed.Length; e++) mixed[e] = Coalitions.Has(coalition, e) ? present[e] : absent[e];
    }

    private static void Choose<T>(ReadOnlySpan<int> stays, ReadOnlySpan<T> present, ReadOnlySpan<T> absent, Span<T> mixed)
    {
        for (int e = 0; e < stays.Length; e++) mixed[e] = stays[e] != 0 ? present[e] : absent[e];
    }
}
