namespace Limn.Trees.Shap;

/// <summary>Explains the margin of rows, each tree by the algorithm that suits it.</summary>
internal sealed class TreeShapSolver(TreeGame game, int features, TreeShapOptions options)
{
    /// <summary>Fewer rows (or pairs of a row and a background row) are not worth making tables for, unless they are kept already.</summary>
    private const int FewRows = 100;

    private readonly Lock gate = new();
    private QuadratureEngine? everything, rest;
    private TreePlan[]? plans;
    private TableEngine? tables;
    private Background? tablesOf;

    public TreeGame Game => game;

    /// <summary>Adds the values of rows to sums [rows, slots].</summary>
    public void Run(ReadOnlyMemory<float> rows, double[] sums, Background? background, CancellationToken cancellation)
    {
        int count = rows.Length / features;
        if (count == 0 || game.Trees.Trees == 0) return;
        if (options.Algorithm == TreeShapAlgorithm.Quadrature || (options.Algorithm == TreeShapAlgorithm.Automatic && (long)count * (background?.Rows ?? 1) < FewRows))
        {
            lock (gate) everything ??= new QuadratureEngine(game, [.. Enumerable.Range(0, game.Trees.Trees)], features, options.Threads);
            everything.Run(rows, sums, background, cancellation);
            return;
        }
        TableEngine engine;
        lock (gate)
        {
            if (plans is null) Plan();
            // Single background rows follow each other when a link is explained: their tables are of no more use.
            if (tables is null || !ReferenceEquals(tablesOf, background))
                (tables, tablesOf) = (new TableEngine(game, plans!, background, features, options.Threads, options.TableMemory), background);
            engine = tables;
        }
        engine.Run(rows, sums, cancellation);
        rest!.Run(rows, sums, background, cancellation);
    }

    private void Plan()
    {
        var all = new TreePlan?[game.Trees.Trees];
        Parallel.For(0, all.Length, new ParallelOptions { MaxDegreeOfParallelism = options.Threads <= 0 ? Environment.ProcessorCount : options.Threads }, t =>
        {
            all[t] = TreePlanner.Plan(game, t)?.Plan;
        });
        rest = new QuadratureEngine(game, [.. Enumerable.Range(0, all.Length).Where(t => all[t] is null)], features, options.Threads);
        plans = [.. all.OfType<TreePlan>()];
    }
}
