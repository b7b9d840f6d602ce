using System.Numerics;

namespace Limn.Data;

/// <summary>The fast marching method: distances from the border of a hole, ‖∇T‖ = 1, found from near to far.</summary>
/// <remarks>
/// T is 0 on the border (the known pixels with a missing 4-neighbour), grows inwards and falls outwards, where it is taken no further than
/// −<c>reach</c>. A pixel's T comes from its smallest known neighbours a (left, right) and b (up, down):
/// (a + b + √(2 − (a − b)²)) / 2 if |a − b| &lt; 1, otherwise min(a, b) + 1. Sethian: A Fast Marching Level Set Method for Monotonically
/// Advancing Fronts, PNAS 1996.
/// </remarks>
internal sealed class FastMarching
{
    private readonly int height, width;
    private readonly int[] border;

    public FastMarching(ReadOnlySpan<bool> missing, int height, int width, double reach)
    {
        (this.height, this.width) = (height, width);
        Known = new bool[missing.Length];
        for (int i = 0; i < Known.Length; i++) Known[i] = !missing[i];
        border = [.. Enumerable.Range(0, Known.Length).Where(i => Known[i] && Neighbours(i).Any(n => !Known[n]))];
        Distance = [.. Known.Select(k => k ? reach : double.PositiveInfinity)];

        var settled = new bool[Known.Length];
        for (int i = 0; i < settled.Length; i++) settled[i] = !Known[i]; // outwards: the hole is not entered
        foreach (int _ in March(settled, reach)) { }
        for (int i = 0; i < Distance.Length; i++)
            if (Known[i] && Distance[i] > 0) Distance[i] = -Distance[i];
    }

    /// <summary>T; infinite where it is not yet known.</summary>
    public double[] Distance { get; }

    /// <summary>Which pixels are known: those not missing, and those that <see cref="Inwards"/> has passed.</summary>
    public bool[] Known { get; }

    /// <summary>The missing pixels from the border inwards; a pixel counts as known when the next is asked for.</summary>
    public IEnumerable<int> Inwards() => March(Known, double.PositiveInfinity);

    /// <summary>The slope of values at a pixel from its known neighbours: the central difference, a one-sided one, or 0.</summary>
    public (double Right, double Down) Slope<T>(ReadOnlySpan<T> values, int at) where T : IFloatingPoint<T>
    {
        int x = at % width, y = at / width;
        return (Along(values, at, 1, x > 0, x + 1 < width), Along(values, at, width, y > 0, y + 1 < height));
    }

    private double Along<T>(ReadOnlySpan<T> values, int at, int step, bool before, bool after) where T : IFloatingPoint<T>
    {
        int low = before && Known[at - step] ? at - step : at, high = after && Known[at + step] ? at + step : at;
        return low == high ? 0 : double.CreateChecked(values[high] - values[low]) / ((high - low) / step);
    }

    /// <summary>Settles pixels outside <paramref name="settled"/> from the border on, in the order of T, then of their place.</summary>
    private IEnumerable<int> March(bool[] settled, double limit)
    {
        var front = new PriorityQueue<int, (double Distance, int Place)>();
        foreach (int i in border)
        {
            settled[i] = true;
            Distance[i] = 0;
        }
        foreach (int i in border) Advance(i);
        while (front.TryDequeue(out int p, out _))
        {
            if (settled[p]) continue; // it was nearer by another way
            yield return p;
            settled[p] = true;
            Advance(p);
        }

        void Advance(int from)
        {
            foreach (int n in Neighbours(from))
            {
                if (settled[n]) continue;
                double distance = Solve(settled, n);
                if (!(distance < Distance[n]) || distance > limit) continue;
                Distance[n] = distance;
                front.Enqueue(n, (distance, n));
            }
        }
    }

    private double Solve(bool[] settled, int at)
    {
        int x = at % width, y = at / width;
        double a = Math.Min(x > 0 ? T(at - 1) : double.PositiveInfinity, x + 1 < width ? T(at + 1) : double.PositiveInfinity);
        double b = Math.Min(y > 0 ? T(at - width) : double.PositiveInfinity, y + 1 < height ? T(at + width) : double.PositiveInfinity);
        return Math.Abs(a - b) < 1 ? (a + b + Math.Sqrt(2 - (a - b) * (a - b))) / 2 : Math.Min(a, b) + 1;

        double T(int i) => settled[i] && double.IsFinite(Distance[i]) ? Distance[i] : double.PositiveInfinity;
    }

    private IEnumerable<int> Neighbours(int at)
    {
        int x = at % width, y = at / width;
        if (y > 0) yield return at - width;
        if (x > 0) yield return at - 1;
        if (x + 1 < width) yield return at + 1;
        if (y + 1 < height) yield return at + width;
    }
}
