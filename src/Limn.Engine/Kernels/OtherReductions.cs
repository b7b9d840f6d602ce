namespace Limn.Engine.Kernels;

/// <summary>Whether any is true; false of nothing.</summary>
internal readonly struct AnyReduction : IReduction<bool, bool>
{
    public static bool Identity => false;
    public static bool Row(bool accumulator, ReadOnlySpan<bool> row) => accumulator || row.Contains(true);
    public static void Columns(Span<bool> accumulators, ReadOnlySpan<bool> row) => OrFunction.Invoke(accumulators, row, accumulators);
    public static bool Finish(bool accumulator, long count) => accumulator;
}

/// <summary>Whether all are true; true of nothing.</summary>
internal readonly struct AllReduction : IReduction<bool, bool>
{
    public static bool Identity => true;
    public static bool Row(bool accumulator, ReadOnlySpan<bool> row) => accumulator && !row.Contains(false);
    public static void Columns(Span<bool> accumulators, ReadOnlySpan<bool> row) => AndFunction.Invoke(accumulators, row, accumulators);
    public static bool Finish(bool accumulator, long count) => accumulator;
}

/// <summary>Σ |x| of integers, wrapping around.</summary>
internal readonly struct MagnitudesInt : IReduction<long, long>
{
    public static long Identity => 0;

    public static long Row(long accumulator, ReadOnlySpan<long> row)
    {
        foreach (long x in row) accumulator = unchecked(accumulator + (x < 0 ? -x : x));
        return accumulator;
    }

    public static void Columns(Span<long> accumulators, ReadOnlySpan<long> row)
    {
        for (int i = 0; i < row.Length; i++) accumulators[i] = Row(accumulators[i], row.Slice(i, 1));
    }

    public static long Finish(long accumulator, long count) => accumulator;
}

/// <summary>Σ x² of integers, wrapping around.</summary>
internal readonly struct SquaresInt : IReduction<long, long>
{
    public static long Identity => 0;

    public static long Row(long accumulator, ReadOnlySpan<long> row)
    {
        foreach (long x in row) accumulator = unchecked(accumulator + x * x);
        return accumulator;
    }

    public static void Columns(Span<long> accumulators, ReadOnlySpan<long> row)
    {
        for (int i = 0; i < row.Length; i++) accumulators[i] = Row(accumulators[i], row.Slice(i, 1));
    }

    public static long Finish(long accumulator, long count) => accumulator;
}

/// <summary>A sum of terms of integers in double, whose result is truncated towards 0.</summary>
internal readonly struct DoublesInt<TTerm, TFinish> : IReduction<long, double>
    where TTerm : struct, ITerm
    where TFinish : struct, IFinish
{
    public static double Identity => 0;

    public static double Row(double accumulator, ReadOnlySpan<long> row)
    {
        foreach (long x in row) accumulator += TTerm.Of(x);
        return accumulator;
    }

    public static void Columns(Span<double> accumulators, ReadOnlySpan<long> row)
    {
        for (int i = 0; i < row.Length; i++) accumulators[i] += TTerm.Of(row[i]);
    }

    public static long Finish(double accumulator, long count) => (long)TFinish.Of(accumulator, count);
}

/// <summary>ln Σ eˣ of integers, truncated towards 0: the largest so far, and the sum of the exponentials of what lies below it.</summary>
internal readonly struct LogSumExpInt : IReduction<long, (long Max, double Sum)>
{
    public static (long Max, double Sum) Identity => (long.MinValue, 0);

    public static (long Max, double Sum) Row((long Max, double Sum) accumulator, ReadOnlySpan<long> row)
    {
        foreach (long x in row)
            accumulator = x <= accumulator.Max ? (accumulator.Max, accumulator.Sum + Math.Exp((double)x - accumulator.Max))
                : (x, accumulator.Sum * Math.Exp((double)accumulator.Max - x) + 1);
        return accumulator;
    }

    public static void Columns(Span<(long Max, double Sum)> accumulators, ReadOnlySpan<long> row)
    {
        for (int i = 0; i < row.Length; i++) accumulators[i] = Row(accumulators[i], row.Slice(i, 1));
    }

    public static long Finish((long Max, double Sum) accumulator, long count) =>
        count == 0 ? long.MinValue : (long)(accumulator.Max + Math.Log(accumulator.Sum));
}
