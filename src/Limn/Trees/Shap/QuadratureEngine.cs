using System.Numerics;

namespace Limn.Trees.Shap;

/// <summary>Explains rows by quadrature: deep trees, and few rows.</summary>
/// <remarks>
/// Paths with few distinct players take single precision; others take double, in which products of many small factors do not vanish. A background row is the
/// path-dependent game whose ratios are 0 and 1, so that the interventional values are the mean over games.
/// </remarks>
internal sealed class QuadratureEngine
{
    /// <summary>The most distinct players on a path for single precision.</summary>
    public const int SinglePlayers = 10;

    private readonly TreeGame game;
    private readonly int features, threads;
    private readonly (int Tree, QuadratureTree<float> Of)[] shallow;
    private readonly (int Tree, QuadratureTree<double> Of)[] deep;

    public QuadratureEngine(TreeGame game, int[] trees, int features, int threads)
    {
        (this.game, this.features, this.threads) = (game, features, threads);
        List<(int, QuadratureTree<float>)> low = [];
        List<(int, QuadratureTree<double>)> high = [];
        foreach (int tree in trees)
        {
            QuadratureTree<float> single = QuadratureTree<float>.Of(game, tree);
            if (single.Distinct <= SinglePlayers) low.Add((tree, single));
            else high.Add((tree, QuadratureTree<double>.Of(game, tree)));
        }
        (shallow, deep) = ([.. low], [.. high]);
    }

    /// <summary>Adds the values of rows to sums [rows, slots].</summary>
    public void Run(ReadOnlyMemory<float> rows, double[] sums, Background? background, CancellationToken cancellation)
    {
        Run(shallow, 16, rows, sums, background, cancellation);
        Run(deep, int.MaxValue, rows, sums, background, cancellation);
        if (game.Pairs) RunPairs([.. shallow.Select(t => (t.Tree, t.Of.Distinct)), .. deep.Select(t => (t.Tree, t.Of.Distinct))], rows, sums, background, cancellation);
    }

    private void Run<T>((int Tree, QuadratureTree<T> Of)[] trees, int together, ReadOnlyMemory<float> rows, double[] sums, Background? background, CancellationToken cancellation)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (trees.Length == 0) return;
        Groups(QuadratureWalk<T>.Lanes, rows, sums, () => new QuadratureWalk<T>(game, features), cancellation, (walk, some, to) =>
        {
            walk.Fill(some);
            for (int b = 0; b < (background?.Rows ?? 1); b++)
            {
                for (int i = 0; i < trees.Length; i++)
                {
                    cancellation.ThrowIfCancellationRequested();
                    walk.Add(trees[i].Tree, trees[i].Of, Reference(background, b));
                    if (i % together == together - 1) walk.Flush(to, Share(background, b));
                }
                walk.Flush(to, Share(background, b));
            }
        });
    }

    private void RunPairs((int Tree, int Distinct)[] trees, ReadOnlyMemory<float> rows, double[] sums, Background? background, CancellationToken cancellation) =>
        Groups(PairWalk.Lanes, rows, sums, () => new PairWalk(game, features), cancellation, (walk, some, to) =>
        {
            walk.Fill(some);
            for (int b = 0; b < (background?.Rows ?? 1); b++)
            {
                foreach ((int tree, int distinct) in trees)
                {
                    cancellation.ThrowIfCancellationRequested();
                    walk.Add(tree, distinct, Reference(background, b));
                }
                walk.Flush(to, Share(background, b));
            }
        });

    private ReadOnlyMemory<float> Reference(Background? background, int b) => background is null ? default : background.Values.Slice(b * features, features);

    private static double Share(Background? background, int b) => background is null ? 1 : background.Shares[b];

    private delegate void GroupBody<TWalk>(TWalk walk, ReadOnlySpan<float> rows, Span<double> sums);

    /// <summary>Runs groups of rows, as many as there are lanes, on all threads; each thread has a walk of its own.</summary>
    private void Groups<TWalk>(int lanes, ReadOnlyMemory<float> rows, double[] sums, Func<TWalk> make, CancellationToken cancellation, GroupBody<TWalk> body)
        where TWalk : IDisposable
    {
        int count = rows.Length / features, groups = (count + lanes - 1) / lanes;
        var options = new ParallelOptions { MaxDegreeOfParallelism = threads <= 0 ? Environment.ProcessorCount : threads, CancellationToken = cancellation };
        Parallel.For(0, groups, options, make, (g, _, walk) =>
        {
            int first = g * lanes, length = Math.Min(lanes, count - first);
            body(walk, rows.Span.Slice(first * features, length * features), sums.AsSpan(first * game.Slots, length * game.Slots));
            return walk;
        }, walk => walk.Dispose());
    }
}
