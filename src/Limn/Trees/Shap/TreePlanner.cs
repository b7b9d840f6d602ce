namespace Limn.Trees.Shap;

/// <summary>
/// Cuts a tree into units: subtrees whose contributions are looked up by one pattern of bits, one for every distinct player on the path to the subtree and one
/// for every split in it.
/// </summary>
/// <remarks>
/// Two sibling leaves differ in one decision only, so that their tables, over the same bits, are added up and looked up once. Larger subtrees have more bits
/// but fewer look-ups; the estimated cost decides. A bit on the path says whether the row satisfies all splits of the player so far, or the opposite where
/// the path went right at the player's first split: both children of that split then share the patterns.
/// </remarks>
internal sealed class TreePlanner
{
    /// <summary>The costs of looking up 16 rows in a column of a table by the number of bits, in about processor cycles.</summary>
    private static readonly double[] LookUp = [1.5, 1.5, 1.5, 1.5, 1.5, 1.7, 2.7, 5, 9.5, 20, 25, 30, 40];

    /// <summary>The cost of one decision for 16 rows.</summary>
    private const double Decision = 3;

    /// <summary>More bits make tables that are larger than the caches.</summary>
    public const int MostBits = 12;

    /// <summary>The largest table that lies in registers: units are not merged beyond it.</summary>
    private const int RegisterBits = 8;

    private readonly TreeGame game;
    private readonly int tree, columnsOfOne, root;
    private readonly List<Step> steps = [];
    private readonly List<Unit> units = [];
    private readonly bool[] whole;
    private readonly Dictionary<int, int> bitOf = [];
    private readonly List<int> players = [];
    private readonly List<double> ratios = [];
    private readonly List<bool> flipped = [];
    private readonly int[] seen;
    private int levels, stamp;

    private TreePlanner(TreeGame game, int tree)
    {
        (this.game, this.tree) = (game, tree);
        columnsOfOne = game.OutputsOf(tree).Count;
        root = game.Trees.Roots[tree];
        seen = new int[game.Players];
        whole = new bool[game.Trees.Roots[tree + 1] - root];
    }

    /// <summary>The plan and its cost for 16 rows; null if a path has too many distinct players.</summary>
    public static (TreePlan Plan, double Cost)? Plan(TreeGame game, int tree)
    {
        var planner = new TreePlanner(game, tree);
        (_, double cost) = planner.Cut(planner.root);
        if (double.IsInfinity(cost)) return null;
        planner.Emit(planner.root, 0);
        return (new TreePlan(tree, [.. planner.steps], [.. planner.units], planner.levels + 1), cost);
    }

    /// <summary>Decides below a node, bottom up, what becomes a unit.</summary>
    /// <returns>The number of splits in the subtree, and its cost.</returns>
    private (int Splits, double Cost) Cut(int node)
    {
        FlatTrees trees = game.Trees;
        if (trees.Feature[node] == FlatTrees.Leaf)
        {
            whole[node - root] = true;
            return (0, players.Count > MostBits ? double.PositiveInfinity : Columns(players.Count) * LookUp[players.Count]);
        }
        int player = game.Player[trees.Feature[node]];
        bool met = bitOf.ContainsKey(player);
        if (!met) Enter(player);
        (int leftSplits, double leftCost) = Cut(trees.Left[node]);
        (int rightSplits, double rightCost) = Cut(trees.Left[node] + 1);
        if (!met) Leave(player);

        int splits = leftSplits + rightSplits + 1, bits = players.Count + splits;
        double apart = leftCost + rightCost + Decision * (met ? 2 : 1);
        if (bits > RegisterBits) return (splits, apart);
        stamp++;
        foreach (int p in players) seen[p] = stamp;
        double together = Columns(players.Count + New(node)) * LookUp[bits] + Decision * splits;
        whole[node - root] = together <= apart;
        return (splits, Math.Min(together, apart));
    }

    private double Columns(int players) => (players + (game.Pairs ? players * (players - 1) / 2 : 0)) * columnsOfOne;

    /// <summary>The number of players below a node that are not seen yet.</summary>
    private int New(int node)
    {
        if (game.Trees.Feature[node] == FlatTrees.Leaf) return 0;
        int player = game.Player[game.Trees.Feature[node]], one = seen[player] == stamp ? 0 : 1;
        seen[player] = stamp;
        return one + New(game.Trees.Left[node]) + New(game.Trees.Left[node] + 1);
    }

    private void Enter(int player)
    {
        bitOf[player] = players.Count;
        players.Add(player);
        ratios.Add(1);
        flipped.Add(false);
    }

    private void Leave(int player)
    {
        bitOf.Remove(player);
        players.RemoveAt(players.Count - 1);
        ratios.RemoveAt(ratios.Count - 1);
        flipped.RemoveAt(flipped.Count - 1);
    }

    private void Emit(int node, int level)
    {
        levels = Math.Max(levels, level + 1);
        if (whole[node - root])
        {
            EmitUnit(node, level);
            return;
        }
        FlatTrees trees = game.Trees;
        int player = game.Player[trees.Feature[node]];
        bool met = bitOf.ContainsKey(player);
        if (!met) Enter(player);
        int bit = bitOf[player];
        double ratio = ratios[bit];
        if (!met) steps.Add(new Step(StepKind.Decide, node, level, level + 1, 1 << bit, Left: true, High: false));
        for (int side = 0; side < 2; side++)
        {
            bool left = side == 0;
            if (met) steps.Add(new Step(StepKind.Narrow, node, level, level + 1, 1 << bit, left, flipped[bit]));
            else flipped[bit] = !left;
            ratios[bit] = ratio * game.Share(node, left);
            Emit(trees.Left[node] + side, level + 1);
        }
        ratios[bit] = ratio;
        if (!met) Leave(player);
    }

    private void EmitUnit(int node, int level)
    {
        List<UnitLeaf> leaves = [];
        List<(int Player, double Ratio, int Care, int Want)> path = [.. players.Select((p, b) => (p, ratios[b], 1 << b, flipped[b] ? 0 : 1 << b))];
        int bits = players.Count, from = level;
        Collect(node);
        if (from != level) levels = Math.Max(levels, level + 2);
        steps.Add(new Step(StepKind.Look, units.Count, from, from, 0, Left: false, High: false));
        units.Add(new Unit(bits, [.. leaves.SelectMany(l => l.Players).Distinct().Order()], [.. leaves]));

        void Collect(int at)
        {
            FlatTrees trees = game.Trees;
            if (trees.Feature[at] == FlatTrees.Leaf)
            {
                leaves.Add(new UnitLeaf(at, [.. path.Select(p => p.Player)], [.. path.Select(p => p.Ratio)], [.. path.Select(p => p.Care)], [.. path.Select(p => p.Want)]));
                return;
            }
            int bit = 1 << bits++, player = game.Player[trees.Feature[at]], index = path.FindIndex(p => p.Player == player);
            steps.Add(new Step(StepKind.Decide, at, from, level + 1, bit, Left: false, High: false));
            from = level + 1;
            if (index < 0) path.Add((player, 1, 0, 0));
            int place = index < 0 ? path.Count - 1 : index;
            var before = path[place];
            for (int side = 0; side < 2; side++)
            {
                bool left = side == 0;
                path[place] = (player, before.Ratio * game.Share(at, left), before.Care | bit, before.Want | (left ? bit : 0));
                Collect(trees.Left[at] + side);
            }
            path[place] = before;
            if (index < 0) path.RemoveAt(place);
        }
    }
}
