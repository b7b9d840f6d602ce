using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.Intrinsics;

namespace Limn.Trees.Shap;

/// <summary>Fills the tables of trees. Not for several threads at once.</summary>
internal sealed class TableBuilder
{
    private const int Entries = 1 << TreePlanner.MostBits;

    private readonly TreeGame game;
    private readonly LeafTable leafTable;
    private readonly double[] worth = new double[Entries], values = new double[Entries], with = new double[Entries], without = new double[Entries];
    private readonly int[] satisfied = new int[Entries];
    private double[] columns = [];

    public TableBuilder(TreeGame game)
    {
        this.game = game;
        leafTable = new LeafTable(game.Semivalue);
    }

    /// <summary>Lays out and fills the tables of a tree.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="patterns">For each unit, the share of the background with each pattern; null if it is not known.</param>
    /// <param name="worths">For each leaf of the tree its f; null if it is not known. If neither is, the game is path-dependent.</param>
    public TreeTables Build(TreePlan plan, double[][]? patterns, double[]?[]? worths)
    {
        var units = new UnitTable[plan.Units.Length];
        List<int> slots = [];
        int length = 0, outputs = game.OutputsOf(plan.Tree).Count;
        for (int u = 0; u < units.Length; u++)
        {
            int first = slots.Count;
            AddSlots(plan, plan.Units[u], slots);
            units[u] = new UnitTable(plan.Units[u].Bits, first, slots.Count - first, length);
            length = checked(length + units[u].Columns * units[u].Size);
        }
        var table = new float[length];
        for (int u = 0; u < units.Length; u++)
        {
            UnitTable unit = units[u];
            int entries = unit.Columns << unit.Bits;
            if (columns.Length < entries) columns = new double[entries];
            Span<double> sums = columns.AsSpan(0, entries);
            sums.Clear();
            foreach (UnitLeaf leaf in plan.Units[u].Leaves) AddLeaf(plan, plan.Units[u], leaf, outputs, patterns?[u], worths, sums);
            for (int c = 0; c < unit.Columns; c++)
                TensorPrimitives.ConvertTruncating<double, float>(sums.Slice(c << unit.Bits, 1 << unit.Bits), table.AsSpan(unit.Table + c * unit.Size));
        }
        return new TreeTables(plan, units, [.. slots], table);
    }

    private void AddSlots(TreePlan plan, Unit unit, List<int> slots)
    {
        (int first, int outputs) = game.OutputsOf(plan.Tree);
        int[] players = unit.Players;
        foreach (int player in players)
            for (int i = 0; i < outputs; i++) slots.Add(game.Slot(player, first + i));
        if (!game.Pairs) return;
        for (int b = 1; b < players.Length; b++)
            for (int a = 0; a < b; a++)
                for (int i = 0; i < outputs; i++) slots.Add(game.Slot(players[a], players[b], first + i));
    }

    private void AddLeaf(TreePlan plan, Unit unit, UnitLeaf leaf, int outputs, double[]? patterns, double[]?[]? worths, Span<double> sums)
    {
        int d = leaf.Players.Length, size = 1 << unit.Bits;
        Span<double> f = worth.AsSpan(0, 1 << d);
        Span<int> of = satisfied.AsSpan(0, size);
        Satisfied(leaf, of);
        if (worths?[leaf.Node - game.Trees.Roots[plan.Tree]] is { } known) known.CopyTo(f);
        else if (patterns is null) FromRatios(leaf.Ratios, f);
        else FromPatterns(patterns, of, f);

        Span<double> one = values.AsSpan(0, 1 << d);
        leafTable.PrepareSingles(f, d);
        for (int i = 0; i < outputs; i++)
        {
            Span<double> z = without.AsSpan(0, size), y = with.AsSpan(0, size);
            double v = game.Value(plan.Tree, leaf.Node, i);
            for (int p = 0; p < of.Length; p++)
            {
                z[p] = v * leafTable.Without[of[p]];
                y[p] = v * leafTable.With[of[p]];
            }
            for (int k = 0; k < d; k++)
            {
                int player = Array.BinarySearch(unit.Players, leaf.Players[k]);
                Span<double> column = sums.Slice((player * outputs + i) << unit.Bits, size);
                int care = leaf.Care[k];
                if (BitOperations.IsPow2(care)) AddSingle(z, y, care, leaf.Want[k] != 0, column);
                else
                {
                    leafTable.Single(k, one);
                    for (int p = 0; p < column.Length; p++) column[p] += v * one[of[p]];
                }
            }
        }
        if (!game.Pairs) return;
        leafTable.PreparePairs(f, d);
        for (int k = 1; k < d; k++)
        {
            for (int l = 0; l < k; l++)
            {
                leafTable.Pair(k, l, one);
                int a = Array.BinarySearch(unit.Players, leaf.Players[k]), b = Array.BinarySearch(unit.Players, leaf.Players[l]);
                (int low, int high) = a < b ? (a, b) : (b, a);
                Spread(one, unit.Players.Length + high * (high - 1) / 2 + low, sums, of);
            }
        }

        void Spread(ReadOnlySpan<double> one, int group, Span<double> sums, ReadOnlySpan<int> of)
        {
            for (int i = 0; i < outputs; i++)
            {
                double v = game.Value(plan.Tree, leaf.Node, i);
                Span<double> column = sums.Slice((group * outputs + i) << unit.Bits, size);
                for (int p = 0; p < column.Length; p++) column[p] += v * one[of[p]];
            }
        }
    }

    /// <summary>
    /// Adds the values of a player that depends on one bit: patterns that differ in it alone differ in this player's condition alone.
    /// </summary>
    private static void AddSingle(ReadOnlySpan<double> without, ReadOnlySpan<double> with, int bit, bool set, Span<double> column)
    {
        int yes = set ? bit : 0, no = bit - yes;
        for (int from = 0; from < column.Length; from += 2 * bit)
        {
            ReadOnlySpan<double> y = with.Slice(from + yes, bit), y0 = with.Slice(from + no, bit), z0 = without.Slice(from + no, bit);
            Span<double> satisfied = column.Slice(from + yes, bit), not = column.Slice(from + no, bit);
            int i = 0;
            if (Vector512.IsHardwareAccelerated)
            {
                for (; i + 8 <= bit; i += 8)
                {
                    Vector512<double> z = Vector512.Create(z0[i..]);
                    (Vector512.Create<double>(satisfied[i..]) + (Vector512.Create(y[i..]) - Vector512.Create(y0[i..]) - z)).CopyTo(satisfied[i..]);
                    (Vector512.Create<double>(not[i..]) - z).CopyTo(not[i..]);
                }
            }
            for (; i < bit; i++)
            {
                satisfied[i] += y[i] - y0[i] - z0[i];
                not[i] -= z0[i];
            }
        }
    }

    /// <summary>The players whose conditions hold, for every pattern of the unit.</summary>
    private static void Satisfied(UnitLeaf leaf, Span<int> of)
    {
        of.Clear();
        for (int j = 0; j < leaf.Care.Length; j++)
        {
            int care = leaf.Care[j], want = leaf.Want[j], bit = 1 << j;
            for (int p = 0; p < of.Length; p++) of[p] |= (p & care) == want ? bit : 0;
        }
    }

    /// <summary>f(S) = Π of the ratios outside S.</summary>
    private static void FromRatios(double[] ratios, Span<double> f)
    {
        f[0] = 1;
        for (int j = 0; j < ratios.Length; j++)
        {
            Span<double> without = f[..(1 << j)];
            without.CopyTo(f[(1 << j)..]);
            TensorPrimitives.Multiply(without, ratios[j], without);
        }
    }

    /// <summary>f(S) = the share of the background that satisfies all conditions outside S.</summary>
    private static void FromPatterns(double[] patterns, ReadOnlySpan<int> of, Span<double> f)
    {
        f.Clear();
        for (int p = 0; p < of.Length; p++) f[of[p]] += patterns[p];
        LeafTable.OverSupersets(f);
        f.Reverse(); // the complement of a coalition is the mirrored index
    }
}
