namespace Limn.Trees.Shap;

/// <summary>Explains the margin of rows, each tree by the algorithm that suits it and the number of rows.</summary>
internal sealed class TreeShapSolver(TreeGame game, int features, TreeShapOptions options)
{
    /// <summary>
    /// How many rows are worth planning and filling tables for, by the most distinct players on a path of a tree. Quadrature explains 16 rows as fast as one, and needs no
    /// preparation; measured with XGBoost's trees of depth 6 and 8.
    /// </summary>
    private static int WorthTables(int distinct) => distinct switch { <= 6 => 2000, <= 8 => 5000, <= 10 => 20_000, _ => int.MaxValue };

    /// <summary>The same for pairs of players, and for groups of 16 rows times background rows, which quadrature takes one after the other.</summary>
    private const int WorthTablesOfPairs = 100, WorthTablesOfBackground = 64;

    private readonly Lock gate = new();
    private readonly Dictionary<int, Split> splits = [];
    private int[]? distinct;

    /// <summary>The trees of each algorithm for calls of some size.</summary>
    private sealed class Split(QuadratureEngine quadrature, TreePlan[] plans)
    {
        public QuadratureEngine Quadrature => quadrature;

        public TreePlan[] Plans => plans;

        public TableEngine? Tables { get; set; }

        public Background? TablesOf { get; set; }
    }

    public TreeGame Game => game;

    /// <summary>Adds the values of rows to sums [rows, slots].</summary>
    public void Run(ReadOnlyMemory<float> rows, double[] sums, Background? background, CancellationToken cancellation)
    {
        int count = rows.Length / features;
        if (count == 0 || game.Trees.Trees == 0) return;
        Split split;
        TableEngine tables;
        lock (gate)
        {
            split = Of(MostPlayers(count, background));
            // Single background rows follow each other when a link is explained: their tables are of no more use.
            if (split.Tables is null || !ReferenceEquals(split.TablesOf, background))
                (split.Tables, split.TablesOf) = (new TableEngine(game, split.Plans, background, features, options.Threads, options.TableMemory), background);
            tables = split.Tables;
        }
        tables.Run(rows, sums, cancellation);
        split.Quadrature.Run(rows, sums, background, cancellation);
    }

    /// <summary>The most distinct players on the paths of trees that go by tables; 0 for none.</summary>
    private int MostPlayers(int rows, Background? background)
    {
        if (options.Algorithm == TreeShapAlgorithm.Quadrature) return 0;
        if (options.Algorithm == TreeShapAlgorithm.Tables) return TreePlanner.MostBits;
        if (background is not null) return (rows + 15L) / 16 * background.Rows >= WorthTablesOfBackground ? TreePlanner.MostBits : 0;
        if (game.Pairs) return rows >= WorthTablesOfPairs ? 10 : 0;
        return rows < WorthTables(6) ? 0 : rows < WorthTables(8) ? 6 : rows < WorthTables(10) ? 8 : 10;
    }

    private Split Of(int most)
    {
        if (splits.TryGetValue(most, out Split? known)) return known;
        int trees = game.Trees.Trees;
        distinct ??= [.. Enumerable.Range(0, trees).Select(t => Distinct(game.Trees.Roots[t], []))];
        var plans = new TreePlan?[trees];
        Parallel.For(0, trees, new ParallelOptions { MaxDegreeOfParallelism = options.Threads <= 0 ? Environment.ProcessorCount : options.Threads }, t =>
        {
            if (distinct[t] <= most && most > 0) plans[t] = TreePlanner.Plan(game, t)?.Plan;
        });
        int[] rest = [.. Enumerable.Range(0, trees).Where(t => plans[t] is null)];
        return splits[most] = new Split(new QuadratureEngine(game, rest, features, options.Threads), [.. plans.OfType<TreePlan>()]);
    }

    /// <summary>The most distinct players on a path below a node.</summary>
    private int Distinct(int node, HashSet<int> above)
    {
        int feature = game.Trees.Feature[node];
        if (feature == FlatTrees.Leaf) return above.Count;
        bool added = above.Add(game.Player[feature]);
        int most = Math.Max(Distinct(game.Trees.Left[node], above), Distinct(game.Trees.Left[node] + 1, above));
        if (added) above.Remove(game.Player[feature]);
        return most;
    }
}
