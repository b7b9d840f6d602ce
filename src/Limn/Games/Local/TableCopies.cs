using Limn.Engine;

namespace Limn.Games.Local;

/// <summary>Rows drawn from the distribution of a table's columns, and which state each is in.</summary>
/// <remarks>Copy k is a function of the seed and k. Copy 0 is the row itself, and not among the <see cref="Values"/>.</remarks>
internal sealed class TableCopies
{
    private readonly LocalTable table;
    private readonly int[] of;
    private readonly int[][] owned;
    private readonly int count;
    private readonly int[] states;      // of each player in each copy; of groups of columns the row of data that was drawn
    private readonly double[][] numbers; // of players that count as they are, in standard deviations from the mean; empty for others
    private readonly bool own;

    public TableCopies(LocalTable table, Players players, ElementType type, float[] row, int count, ulong seed, bool around)
    {
        (this.table, this.count, of, owned) = (table, count, players.Of[0], LocalTable.Owned(players));
        int columns = table.Columns.Length;
        Values = NdArray.Create(type, count - 1, columns);
        states = GC.AllocateUninitializedArray<int>(owned.Length * count);
        numbers = [.. owned.Select((_, p) => IsBinary(p) ? [] : new double[count])];
        own = of.Contains(-1) || around && numbers.Any(n => n.Length > 0);
        Span<float> values = Values.Floats;
        for (int c = 0; c < columns; c++)
            for (int k = 0; k < count - 1 && of[c] < 0; k++) values[k * columns + c] = row[c];
        var random = new CounterRandom(seed);
        ulong[] bits = GC.AllocateUninitializedArray<ulong>(count / 2 + 1);
        for (int p = 0; p < owned.Length; p++)
        {
            int c = owned[p][0];
            ulong offset = (ulong)c << 32; // copy k of a column is the same in a longer run
            Span<int> drawn = states.AsSpan(p * count + 1, count - 1);
            if (!IsBinary(p))
            {
                TableColumn column = table.Columns[c];
                for (int k = 1; k < count; k++)
                {
                    ref float value = ref values[(k - 1) * columns + c];
                    value = (float)((around ? row[c] : column.Mean) + column.Deviation * random.Normal(offset + (ulong)k));
                    numbers[p][k] = (value - column.Mean) / column.Deviation;
                }
                continue;
            }
            random.FillBits(bits, offset);
            ReadOnlySpan<uint> halves = System.Runtime.InteropServices.MemoryMarshal.Cast<ulong, uint>(bits);
            if (owned[p].Length == 1) table.Columns[c].Draw(halves, drawn, values[c..], columns);
            else
                for (int k = 0; k < drawn.Length; k++)
                {
                    drawn[k] = (int)((ulong)halves[k] * (ulong)table.Rows >> 32);
                    foreach (int member in owned[p]) values[k * columns + member] = table[drawn[k], member];
                }
        }
    }

    /// <summary>The copies but for the first.</summary>
    public NdArray Values { get; }

    public bool AreBinary => Array.TrueForAll(numbers, n => n.Length == 0);

    /// <summary>Whether a player's feature is 1 where a copy agrees with the row, and 0 elsewhere.</summary>
    public bool IsBinary(int player) => owned[player].Length > 1 || !table.Columns[owned[player][0]].IsNumber;

    /// <summary>Whether the copies are also those of a row with these players.</summary>
    public bool Serves(int[] players) => !own && of.AsSpan().SequenceEqual(players);

    /// <summary>Writes the features of all copies of a row; returns those of the row itself.</summary>
    public double[] Features(LocalSamples samples, float[] row)
    {
        var itself = new double[owned.Length];
        for (int p = 0; p < owned.Length; p++)
        {
            Span<double> column = samples.Column(p);
            int c = owned[p][0];
            itself[p] = 1;
            if (!IsBinary(p))
            {
                numbers[p].CopyTo(column);
                itself[p] = (row[c] - table.Columns[c].Mean) / table.Columns[c].Deviation;
            }
            else if (owned[p].Length == 1)
            {
                int mine = table.Columns[c].StateOf(row[c]);
                ReadOnlySpan<int> theirs = states.AsSpan(p * count, count);
                for (int k = 0; k < column.Length; k++) column[k] = theirs[k] == mine ? 1 : 0;
            }
            else
            {
                double[] agrees = [.. Enumerable.Range(0, table.Rows).Select(r => Array.TrueForAll(owned[p], m => table.Columns[m].StateOf(table[r, m]) == table.Columns[m].StateOf(row[m])) ? 1.0 : 0)];
                for (int k = 1; k < column.Length; k++) column[k] = agrees[states[p * count + k]];
            }
            column[0] = itself[p];
        }
        return itself;
    }
}
