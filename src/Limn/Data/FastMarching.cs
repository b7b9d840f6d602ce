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
        border = [.. Enumerable.Range(0, Known.Length).Where(IsBorder)];
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

    /// <summary>Where the slope at a pixel is taken: from its known neighbours, or itself where one is not known.</summary>
    public Sides Around(int at)
    {
        int left = Beside(at, 0), right = Beside(at, 1), up = Beside(at, 2), down = Beside(at, 3);
        return new Sides(left >= 0 && Known[left] ? left : at, right >= 0 && Known[right] ? right : at, up >= 0 && Known[up] ? up : at, down >= 0 && Known[down] ? down : at, at);
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
            for (int side = 0; side < 4; side++)
            {
                int n = Beside(from, side);
                if (n < 0 || settled[n]) continue;
                double distance = Solve(settled, n);
                if (!(distance < Distance[n]) || distance > limit) continue;
                Distance[n] = distance;
                front.Enqueue(n, (distance, n));
            }
        }
    }

    private double Solve(bool[] settled, int at)
    {
        double a = Math.Min(T(Beside(at, 0)), T(Beside(at, 1))), b = Math.Min(T(Beside(at, 2)), T(Beside(at, 3)));
        return Math.Abs(a - b) < 1 ? (a + b + Math.Sqrt(2 - (a - b) * (a - b))) / 2 : Math.Min(a, b) + 1;

        double T(int i) => i >= 0 && settled[i] ? Distance[i] : double.PositiveInfinity; // the hole, seen from outside, is infinite too
    }

    private bool IsBorder(int at)
    {
        if (!Known[at]) return false;
        for (int side = 0; side < 4; side++)
            if (Beside(at, side) is >= 0 and var n && !Known[n]) return true;
        return false;
    }

    /// <summary>The pixel to the left (0), right (1), above (2) or below (3); −1 beyond the edge.</summary>
    private int Beside(int at, int side) => side switch
    {
        0 => at % width > 0 ? at - 1 : -1,
        1 => at % width < width - 1 ? at + 1 : -1,
        2 => at - width, // negative above the first row
        _ => at + width < Known.Length ? at + width : -1,
    };

    /// <summary>The ends of the differences at a pixel: central between two neighbours, one-sided where only one counts, 0 where none does.</summary>
    internal readonly record struct Sides(int Left, int Right, int Up, int Down, int At)
    {
        private double AcrossWeight => Left == At || Right == At ? 1 : 0.5;

        private double DownWeight => Up == At || Down == At ? 1 : 0.5;

        public (double Right, double Down) Slope(double[] values) => ((values[Right] - values[Left]) * AcrossWeight, (values[Down] - values[Up]) * DownWeight);

        public (double Right, double Down) Slope(ReadOnlySpan<float> values) => (((double)values[Right] - values[Left]) * AcrossWeight, ((double)values[Down] - values[Up]) * DownWeight);
    }
}
