namespace Limn.Trees.Shap;

/// <summary>The rows that stand for absent players, and how much each counts.</summary>
internal sealed class Background
{
    private readonly double[] shares;
    private readonly RowBlocks rows;
    private readonly bool uniform;

    /// <summary>From so many rows on, sets of rows are counted and not rows.</summary>
    private const int ManyRows = 1024;

    /// <param name="features">The number of features.</param>
    /// <param name="rows">[rows, features].</param>
    /// <param name="shares">The weight of each row; they sum to 1.</param>
    public Background(int features, ReadOnlyMemory<float> rows, double[] shares)
    {
        this.shares = shares;
        Values = rows;
        uniform = Array.TrueForAll(shares, s => s == shares[0]);
        this.rows = new RowBlocks(features, rows.Span);
    }

    public int Rows => rows.Rows;

    public ReadOnlyMemory<float> Values { get; }

    public ReadOnlySpan<double> Shares => shares;

    /// <summary>One of the rows as a background of its own.</summary>
    public Background Only(int row, int features) => new(features, Values.Slice(row * features, features), [1]);

    /// <summary>Whether sets of rows are worth counting for a tree, and not the pattern of each row.</summary>
    public bool CountsSets(TreePlan plan) => uniform && Rows >= ManyRows && plan.Units.All(u => u.Leaves.All(l => l.Players.Length <= BackgroundSets.MostPlayers));

    /// <summary>For each leaf of a tree its f, if <see cref="CountsSets"/>.</summary>
    public double[]?[] Worth(TreePlan plan, BackgroundSets sets) => sets.Worth(plan.Tree, rows);

    /// <summary>For each unit of a plan, the share of the background with each of its patterns.</summary>
    public unsafe double[][] Patterns(FlatTrees trees, TreePlan plan, PatternWalk walk)
    {
        double[][] patterns = Array.ConvertAll(plan.Units, u => new double[1 << u.Bits]);
        walk.Reserve(plan.Levels);
        fixed (float* columns = rows.Columns)
        {
            for (int b = 0; b < rows.Blocks; b++)
            {
                int count = rows.Count(b), padded = (count + 15) & ~15;
                ReadOnlySpan<double> share = shares.AsSpan(b * PatternWalk.Block, count);
                foreach (ref readonly Step step in plan.Steps.AsSpan())
                {
                    if (step.Kind != StepKind.Look)
                    {
                        walk.Take(step, columns + rows.Start(b), padded);
                        continue;
                    }
                    int* level = walk.Level(step.From);
                    double[] of = patterns[step.Node];
                    for (int r = 0; r < share.Length; r++) of[level[r]] += share[r];
                }
            }
        }
        return patterns;
    }
}
