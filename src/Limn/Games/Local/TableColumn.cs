using System.Globalization;
using Limn.Engine;
using MathNet.Numerics.Distributions;

namespace Limn.Games.Local;

/// <summary>A column of a table as LIME and Anchors see it: which of a few states a value is in, how often each occurs, and what values it holds.</summary>
internal sealed class TableColumn
{
    private const int Pieces = 256; // of a state's quantile function, which is linear between them

    private readonly float[] cuts;
    private readonly float[]? categories;
    private readonly ulong[] below;     // the state of a draw u of 32 bits is the first with u < below
    private readonly float[] pieces;    // how many pieces of its state's quantile function a draw is worth
    private readonly float[] quantiles; // of each state of numbers, one after another

    /// <param name="values">The column.</param>
    /// <param name="discretizer">How it is cut.</param>
    /// <param name="isCategory">Whether its numbers stand for categories.</param>
    /// <param name="labels">The model's predictions.</param>
    public TableColumn(float[] values, Discretizer discretizer, bool isCategory, Lazy<int[]> labels)
    {
        float[] distinct = [.. values.Distinct().Order()];
        Mean = values.Average(v => (double)v);
        Deviation = Math.Sqrt(values.Average(v => (v - Mean) * (v - Mean)));
        IsCategory = isCategory || distinct.Length <= 2;
        categories = IsCategory ? distinct : null;
        cuts = IsCategory ? [] : Cuts.Of(values, discretizer, labels);
        IsNumber = !IsCategory && discretizer == Discretizer.None;
        var members = new List<float>[IsCategory ? distinct.Length : cuts.Length + 1];
        for (int s = 0; s < members.Length; s++) members[s] = [];
        foreach (float v in values) members[StateOf(v)].Add(v);
        below = new ulong[members.Length];
        int count = 0;
        for (int s = 0; s < members.Length; s++)
        {
            count += members[s].Count;
            below[s] = ((ulong)count << 32) / (ulong)values.Length;
        }
        pieces = [.. below.Select((b, s) => (float)(Pieces / Math.Max(1.0, b - (s == 0 ? 0 : below[s - 1]))))];
        quantiles = IsCategory ? [] : [.. members.SelectMany((m, s) => Quantiles(m, s == 0 ? distinct[0] : cuts[s - 1], s == cuts.Length ? distinct[^1] : cuts[s]))];
    }

    public double Mean { get; }

    public double Deviation { get; }

    public bool IsCategory { get; }

    /// <summary>Whether its values count as they are, without states.</summary>
    public bool IsNumber { get; }

    /// <summary>Where the column is cut; nothing for categories and numbers.</summary>
    public IReadOnlyList<float> Cut => cuts;

    /// <summary>The state of a value; −1 for a category that the data lack.</summary>
    public int StateOf(float value) => categories is null ? Cuts.BinOf(cuts, value) : Math.Max(-1, Array.BinarySearch(categories, value));

    /// <summary>Draws states as often as they occur, and a value of each.</summary>
    /// <param name="bits">32 random bits for each draw.</param>
    /// <param name="states">The states.</param>
    /// <param name="values">Where the values go.</param>
    /// <param name="stride">How far apart they lie.</param>
    public void Draw(ReadOnlySpan<uint> bits, Span<int> states, Span<float> values, int stride)
    {
        const int FewStates = 16;
        ulong[] ends = below;
        for (int k = 0; k < states.Length; k++)
        {
            ulong u = bits[k];
            int state = 0;
            if (ends.Length <= FewStates)
                foreach (ulong end in ends) state += u >= end ? 1 : 0;
            else
            {
                state = Array.BinarySearch(ends, u);
                if (state < 0) state = ~state;
                else
                    while (u >= ends[state]) state++; // states that never occur end where the one before does
            }
            states[k] = state;
            values[k * stride] = categories is null ? ValueOf(state, u) : categories[state];
        }
    }

    private float ValueOf(int state, ulong draw)
    {
        float at = (draw - (state == 0 ? 0 : below[state - 1])) * pieces[state];
        int piece = Math.Min((int)at, Pieces - 1);
        ReadOnlySpan<float> q = quantiles.AsSpan(state * (Pieces + 1) + piece, 2);
        return q[0] + (q[1] - q[0]) * Math.Min(at - piece, 1);
    }

    /// <summary>The bounds of a state: above the first, up to the second; infinite where there are none. Of a category, its number twice.</summary>
    public (float Above, float UpTo) Bounds(float value)
    {
        if (categories is not null) return (value, value);
        int s = StateOf(value);
        return (s == 0 ? float.NegativeInfinity : cuts[s - 1], s == cuts.Length ? float.PositiveInfinity : cuts[s]);
    }

    /// <summary>The normal distribution of a state's values, cut off at its ends; a single value where they are all the same.</summary>
    private static IEnumerable<float> Quantiles(List<float> values, float low, float high)
    {
        if (values.Count == 0) return new float[Pieces + 1]; // never drawn
        double mean = values.Average(v => (double)v), deviation = Math.Sqrt(values.Average(v => (v - mean) * (v - mean)));
        if (!(deviation > 1e-9 * Math.Max(Math.Abs(mean), float.Epsilon)) || !(high > low)) return Enumerable.Repeat((float)mean, Pieces + 1);
        double from = Normal.CDF(mean, deviation, low), to = Normal.CDF(mean, deviation, high);
        return Enumerable.Range(0, Pieces + 1).Select(i => i == 0 ? low : i == Pieces ? high : (float)Math.Clamp(Normal.InvCDF(mean, deviation, from + (to - from) * i / Pieces), low, high));
    }
}

/// <summary>Rows of data of which LIME and Anchors take their copies.</summary>
/// <param name="data">[rows, columns].</param>
/// <param name="discretizer">How columns are cut.</param>
/// <param name="categorical">Columns whose numbers stand for categories.</param>
/// <param name="labels">The model's predictions for the data.</param>
internal sealed class LocalTable(NdArray data, Discretizer discretizer, int[]? categorical, Lazy<int[]> labels)
{
    public NdArray Data { get; } = data;

    public int Rows => Data.Dims[0];

    public TableColumn[] Columns { get; } = ColumnsOf(data, discretizer, categorical ?? [], labels);

    /// <summary>The rows of a background, where what is asked is a table of numbers and the background has two rows or more; null otherwise.</summary>
    /// <exception cref="InvalidOptionException">The rows have weights.</exception>
    public static NdArray? DataOf(Question question, Baseline baseline)
    {
        bool table = question.Inputs is [{ Rank: 2 } only] && only.Type.IsFloating() && Enumerable.Range(0, question.Places.Count).All(question.IsInput) && !question.MatchesAgain;
        if (!table || question.Rows == 0 || baseline.RowsFor(question.Inputs) is not [var rows] || rows.Dims[0] < 2) return null;
        if (baseline.Weights is not null) throw new InvalidOptionException("Bins are cut by how many rows of data fall into them, so the background's rows cannot have weights. Give the data themselves.");
        return rows;
    }

    public float this[int row, int column] => Data.Floats[row * Columns.Length + column];

    /// <summary>The columns of each player.</summary>
    public static int[][] Owned(Players players) => [.. Enumerable.Range(0, players.Count).Select(p => Enumerable.Range(0, players.Of[0].Length).Where(c => players.Of[0][c] == p).ToArray())];

    /// <summary>What holds of a row in some columns, in words: "feature 2 &gt; 4.9".</summary>
    public Condition[] Conditions(int player, string name, int[] columns, ReadOnlySpan<float> row)
    {
        var conditions = new Condition[columns.Length];
        for (int i = 0; i < columns.Length; i++)
        {
            var (above, upTo) = Columns[columns[i]].Bounds(row[columns[i]]);
            string of = columns.Length == 1 ? name : $"{name} (column {columns[i].ToString(CultureInfo.InvariantCulture)})";
            conditions[i] = new Condition(player, of) { Above = above, UpTo = upTo };
        }
        return conditions;
    }

    private static TableColumn[] ColumnsOf(NdArray data, Discretizer discretizer, int[] categorical, Lazy<int[]> labels)
    {
        int rows = data.Dims[0], count = data.Dims[1];
        if (Array.Find(categorical, c => c < 0 || c >= count) is var wrong && Array.IndexOf(categorical, wrong) >= 0 && (wrong < 0 || wrong >= count))
            throw new InvalidOptionException($"There is no column {wrong} to be categorical: the table has {count}, from 0 on.");
        return [.. Enumerable.Range(0, count).Select(c =>
        {
            var values = new float[rows];
            for (int r = 0; r < rows; r++) values[r] = data.Floats[r * count + c];
            return new TableColumn(values, discretizer, categorical.Contains(c), labels);
        })];
    }
}
