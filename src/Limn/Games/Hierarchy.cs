using Limn.Engine;

namespace Limn.Games;

/// <summary>A binary tree over players: which belong together, and more and more so.</summary>
/// <remarks>Node i below the number of players is player i; node players + k joins the two of <c>Joins[k]</c>. The last join is the root.</remarks>
public sealed class Hierarchy
{
    private readonly int[][] members;

    /// <param name="players">The number of players.</param>
    /// <param name="joins">For each inner node its two children, which come before it.</param>
    /// <exception cref="InvalidDataException">They are no tree over all players.</exception>
    public Hierarchy(int players, IReadOnlyList<(int Left, int Right)> joins)
    {
        ArgumentNullException.ThrowIfNull(joins);
        if (joins.Count != Math.Max(0, players - 1)) throw new InvalidDataException($"A hierarchy of {players} players has {Math.Max(0, players - 1)} joins, and {joins.Count} were given.");
        (Players, Joins) = (players, joins);
        members = new int[players + joins.Count][];
        var used = new bool[members.Length];
        for (int i = 0; i < players; i++) members[i] = [i];
        for (int k = 0; k < joins.Count; k++)
        {
            foreach (int child in (ReadOnlySpan<int>)[joins[k].Left, joins[k].Right])
            {
                if (child < 0 || child >= players + k || used[child]) throw new InvalidDataException($"The join {k} of the hierarchy takes node {child}, which does not exist before it or has been joined already.");
                used[child] = true;
            }
            members[players + k] = [.. members[joins[k].Left], .. members[joins[k].Right]];
        }
    }

    public int Players { get; }

    /// <summary>The two children of each inner node.</summary>
    public IReadOnlyList<(int Left, int Right)> Joins { get; }

    /// <summary>The node of all players.</summary>
    public int Root => members.Length - 1;

    /// <summary>The players below a node.</summary>
    public ReadOnlySpan<int> Members(int node) => members[node];

    public bool IsPlayer(int node) => node < Players;

    /// <summary>The children of an inner node.</summary>
    public (int Left, int Right) Children(int node) => Joins[node - Players];

    /// <summary>Halves of halves, in the order of the players.</summary>
    public static Hierarchy Halving(int players)
    {
        List<(int, int)> joins = [];
        if (players > 1) Join(0, players);
        return new Hierarchy(players, joins);

        int Join(int from, int count)
        {
            if (count == 1) return from;
            int left = Join(from, (count + 1) / 2), right = Join(from + (count + 1) / 2, count / 2);
            joins.Add((left, right));
            return players + joins.Count - 1;
        }
    }

    /// <summary>Joins the two nearest groups again and again, the distance of two groups being the largest of any of their members (complete linkage).</summary>
    /// <param name="players">The number of players.</param>
    /// <param name="distance">The distance of two players; symmetric.</param>
    /// <remarks>Equal distances go by the lower numbers. O(M³), for as many players as can be explained.</remarks>
    public static Hierarchy Nearest(int players, Func<int, int, double> distance)
    {
        ArgumentNullException.ThrowIfNull(distance);
        var between = new double[players, players];
        for (int i = 0; i < players; i++)
            for (int j = 0; j < players; j++) between[i, j] = i == j ? double.PositiveInfinity : distance(Math.Min(i, j), Math.Max(i, j));
        List<(int, int)> joins = [];
        int[] node = [.. Enumerable.Range(0, players)];
        for (List<int> alive = [.. node]; alive.Count > 1;)
        {
            (int a, int b) = (alive[0], alive[1]);
            foreach (int i in alive)
                foreach (int j in alive)
                    if (i < j && between[i, j] < between[a, b]) (a, b) = (i, j);
            joins.Add((node[a], node[b]));
            node[a] = players + joins.Count - 1;
            alive.Remove(b);
            foreach (int i in alive) between[a, i] = between[i, a] = i == a ? double.PositiveInfinity : Math.Max(between[a, i], between[b, i]);
        }
        return new Hierarchy(players, joins);
    }

    /// <summary>The nearest are the players whose elements go up and down together over the rows of a background: distance 1 − |r|, with r the correlation (0 where one of them is constant).</summary>
    /// <param name="players">Who owns which element; a player of several is the mean of their standardised values.</param>
    /// <param name="background">The rows, an array for each explained tensor.</param>
    internal static Hierarchy ByCorrelation(Players players, IReadOnlyList<NdArray> background)
    {
        int rows = background[0].Dims[0];
        var series = new double[players.Count][];
        for (int p = 0; p < series.Length; p++) series[p] = new double[rows];
        for (int i = 0; i < background.Count; i++)
        {
            int[] of = players.Of[i];
            if (background[i].Type.Storage() is Storage.String) continue;
            for (int e = 0; e < of.Length; e++)
                if (of[e] >= 0)
                {
                    double[] column = [.. Enumerable.Range(0, rows).Select(r => Number(background[i], r * of.Length + e))];
                    Standardise(column);
                    for (int r = 0; r < rows; r++) series[of[e]][r] += column[r];
                }
        }
        foreach (double[] s in series) Standardise(s);
        return Nearest(players.Count, (a, b) =>
        {
            double sum = 0;
            for (int r = 0; r < rows; r++) sum += series[a][r] * series[b][r];
            return Math.Round(1 - Math.Abs(sum / rows), 9); // rounding must not decide between equals
        });
    }

    /// <summary>The hierarchy of the remaining players, when some are left out.</summary>
    /// <param name="kept">The remaining players, in order.</param>
    internal Hierarchy Only(IReadOnlyList<int> kept)
    {
        if (kept.Count == Players) return this;
        var now = new int[members.Length]; // the new number of a node; −1 where nobody is left
        Array.Fill(now, -1);
        for (int i = 0; i < kept.Count; i++) now[kept[i]] = i;
        List<(int, int)> joins = [];
        for (int k = 0; k < Joins.Count; k++)
        {
            (int left, int right) = (now[Joins[k].Left], now[Joins[k].Right]);
            if (left >= 0 && right >= 0) joins.Add((left, right));
            now[Players + k] = left >= 0 && right >= 0 ? kept.Count + joins.Count - 1 : Math.Max(left, right);
        }
        return new Hierarchy(kept.Count, joins);
    }

    private static double Number(NdArray array, int index) => array.Type.Storage() switch
    {
        Storage.Float => array.Floats[index],
        Storage.Integer => array.Integers[index],
        _ => array.Booleans[index] ? 1 : 0,
    };

    private static void Standardise(double[] values)
    {
        double mean = values.Sum() / values.Length, deviation = Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / values.Length);
        for (int i = 0; i < values.Length; i++) values[i] = deviation > 1e-12 * (1 + Math.Abs(mean)) ? (values[i] - mean) / deviation : 0;
    }
}
