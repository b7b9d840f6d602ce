using Limn.Engine;

namespace Limn.Games.Local;

/// <summary>Anchors of a table: conditions on columns, and copies from rows of data.</summary>
/// <remarks>
/// Each cut of a column is a condition: above it, or not above it, as the row is. Of categories and groups of columns it is that they are as in the row. A copy
/// is a random row of the data in which each column (or group) that has conditions is that of another random row which fulfils them; of the row itself where none does.
/// </remarks>
internal sealed class TableAnchors : IAnchorSampler
{
    private readonly Question question;
    private readonly LocalTable table;
    private readonly Decision decision;
    private readonly float[] row;
    private readonly int at;
    private readonly int portion;
    private readonly int[] of;
    private readonly int[][] owned;
    private readonly List<(int Player, int Column, float Cut)> conditions = []; // NaN cuts where a player is as it is
    private readonly List<int>[] members; // the rows of data that fulfil a condition, in order

    public TableAnchors(Question question, LocalTable table, Decision decision, Players players, int at, int portion)
    {
        (this.question, this.table, this.decision, this.at, this.portion) = (question, table, decision, at, portion);
        int columns = table.Columns.Length;
        row = question.Inputs[0].Floats.Slice(at * columns, columns).ToArray();
        of = players.Of[0];
        owned = LocalTable.Owned(players);
        for (int p = 0; p < owned.Length; p++)
        {
            if (owned[p].Length > 1 || table.Columns[owned[p][0]].IsCategory) conditions.Add((p, owned[p][0], float.NaN));
            else
                foreach (float cut in table.Columns[owned[p][0]].Cut) conditions.Add((p, owned[p][0], cut));
        }
        members = [.. conditions.Select(c => Enumerable.Range(0, table.Rows).Where(r => Fulfils(c, r)).ToList())];
    }

    public int Conditions => conditions.Count;

    public bool Adds(ReadOnlySpan<int> anchor, int condition)
    {
        if (anchor.Contains(condition)) return false;
        var (player, _, cut) = conditions[condition];
        foreach (int c in anchor) // what a stricter condition on the same side implies adds nothing
            if (conditions[c].Player == player && conditions[c].Cut is var other && (row[conditions[c].Column] > cut ? row[conditions[c].Column] > other && other > cut : row[conditions[c].Column] <= other && other < cut)) return false;
        return true;
    }

    public double Coverage(ReadOnlySpan<int> anchor)
    {
        int[] all = anchor.ToArray();
        return Enumerable.Range(0, table.Rows).Count(r => Array.TrueForAll(all, c => Fulfils(conditions[c], r))) / (double)table.Rows;
    }

    public double[] Draw(IReadOnlyList<(int[] Anchor, int Count)> anchors, long first)
    {
        int columns = row.Length, total = anchors.Sum(a => a.Count), k = 0;
        NdArray copies = NdArray.Create(question.Inputs[0].Type, total, columns);
        foreach (var (anchor, count) in anchors)
        {
            (int Player, List<int> Rows)[] held = [.. anchor.GroupBy(c => conditions[c].Player).Select(g => (g.Key, g.Select(c => members[c]).Aggregate((a, b) => [.. a.Intersect(b)])))];
            for (int i = 0; i < count; i++, k++)
            {
                question.ThrowIfCancelled();
                var random = new CounterRandom(question.Seed, (ulong)(first + k));
                Span<float> copy = copies.Floats.Slice(k * columns, columns);
                table.Data.Floats.Slice(random.Below(table.Rows, 0) * columns, columns).CopyTo(copy);
                for (int c = 0; c < columns; c++)
                    if (of[c] < 0) copy[c] = row[c];
                foreach (var (player, rows) in held)
                {
                    int from = rows.Count == 0 ? -1 : rows[random.Below(rows.Count, (ulong)(1 + player))];
                    foreach (int c in owned[player]) copy[c] = from < 0 ? row[c] : table[from, c];
                }
            }
        }
        var same = new double[total];
        for (int from = 0; from < total; from += portion)
        {
            int some = Math.Min(portion, total - from);
            decision.Same(at, [copies.Rows(from, some)], same.AsSpan(from, some));
        }
        return same;
    }

    /// <summary>The conditions of a rule in words, those on the same column joined.</summary>
    public IReadOnlyList<Condition> Words(int[] anchor, Players players) => [.. anchor.GroupBy(c => conditions[c].Player).Select(group =>
    {
        string name = players.NameOf(group.Key);
        if (owned[group.Key].Length > 1) return new Condition(group.Key, $"{name} as it is");
        float value = row[owned[group.Key][0]];
        if (table.Columns[owned[group.Key][0]].IsCategory) return new Condition(group.Key, name) { Above = value, UpTo = value };
        float[] cuts = [.. group.Select(c => conditions[c].Cut)];
        return new Condition(group.Key, name)
        {
            Above = cuts.Where(c => value > c).DefaultIfEmpty(float.NegativeInfinity).Max(),
            UpTo = cuts.Where(c => value <= c).DefaultIfEmpty(float.PositiveInfinity).Min(),
        };
    })];

    private bool Fulfils((int Player, int Column, float Cut) condition, int data) => float.IsNaN(condition.Cut)
        ? Array.TrueForAll(owned[condition.Player], c => table.Columns[c].StateOf(table[data, c]) == table.Columns[c].StateOf(row[c]))
        : table[data, condition.Column] > condition.Cut == row[condition.Column] > condition.Cut;
}
