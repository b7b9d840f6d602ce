using System.Runtime.InteropServices;

namespace Limn.Trees.Shap;

/// <summary>Explains many rows by looking their patterns up in tables.</summary>
/// <remarks>
/// Trees go in chunks whose tables fit into the second-level cache; within a chunk a block of rows adds up in single precision, and chunks add up in double.
/// The chunks depend on the model alone, and a row's numbers are added in the order of the trees: the same bits for any number of threads.
/// </remarks>
internal sealed class TableEngine
{
    /// <summary>Bytes of the tables of a chunk, and trees in it.</summary>
    private const int ChunkBytes = 640 << 10, ChunkTrees = 16;

    /// <summary>Bytes of the tables that are there at the same time.</summary>
    private const long BatchBytes = 128L << 20;

    private const int Block = PatternWalk.Block;

    private readonly TreeGame game;
    private readonly TreePlan[] plans;
    private readonly Background? background;
    private readonly int features, threads;
    private readonly bool keep;
    private readonly (int From, int To)[] batches;
    private readonly Lock gate = new();
    private Chunk[]? kept;

    private sealed record Chunk(TreeTables[] Trees, int[][] Local, int[] Slots, int Levels);

    public TableEngine(TreeGame game, TreePlan[] plans, Background? background, int features, int threads, long memory)
    {
        (this.game, this.plans, this.background, this.features, this.threads) = (game, plans, background, features, threads);
        List<(int, int)> all = [];
        long total = 0, bytes = 0;
        int from = 0;
        for (int i = 0; i < plans.Length; i++)
        {
            long size = Bytes(plans[i]);
            total += size;
            if (bytes > 0 && bytes + size > BatchBytes)
            {
                all.Add((from, i));
                (from, bytes) = (i, 0);
            }
            bytes += size;
        }
        if (plans.Length > 0) all.Add((from, plans.Length));
        keep = total <= memory;
        batches = keep && plans.Length > 0 ? [(0, plans.Length)] : [.. all];
    }

    private long Bytes(TreePlan plan)
    {
        long entries = 0;
        int outputs = game.OutputsOf(plan.Tree).Count;
        foreach (Unit unit in plan.Units)
        {
            int d = unit.Players.Length;
            entries += (long)(d + (game.Pairs ? d * (d - 1) / 2 : 0)) * outputs * Math.Max(16, 1 << unit.Bits);
        }
        return entries * sizeof(float);
    }

    /// <summary>Adds the values of rows to sums [rows, slots].</summary>
    public void Run(ReadOnlyMemory<float> rows, double[] sums, CancellationToken cancellation)
    {
        foreach ((int from, int to) in batches)
        {
            cancellation.ThrowIfCancellationRequested();
            Look(Tables(from, to, cancellation), rows, sums, cancellation);
        }
    }

    private ParallelOptions Options(CancellationToken cancellation) => new() { MaxDegreeOfParallelism = threads <= 0 ? Environment.ProcessorCount : threads, CancellationToken = cancellation };

    private Chunk[] Tables(int from, int to, CancellationToken cancellation)
    {
        if (!keep) return Build(from, to, cancellation);
        lock (gate) return kept ??= Build(from, to, cancellation);
    }

    private Chunk[] Build(int from, int to, CancellationToken cancellation)
    {
        var trees = new TreeTables[to - from];
        Parallel.For(from, to, Options(cancellation), () => (Builder: new TableBuilder(game), Walk: new PatternWalk(game.Trees), Sets: new BackgroundSets(game)), (i, _, local) =>
        {
            bool sets = background is not null && background.CountsSets(plans[i]);
            trees[i - from] = local.Builder.Build(plans[i], sets ? null : background?.Patterns(game.Trees, plans[i], local.Walk), sets ? background!.Worth(plans[i], local.Sets) : null);
            return local;
        }, local =>
        {
            local.Walk.Dispose();
            local.Sets.Dispose();
        });

        List<Chunk> chunks = [];
        for (int i = 0; i < trees.Length;)
        {
            int first = i;
            for (long bytes = 0; i < trees.Length && i - first < ChunkTrees; i++)
            {
                bytes += trees[i].Table.Length * (long)sizeof(float);
                if (i > first && bytes > ChunkBytes) break;
            }
            chunks.Add(Compile(trees[first..i]));
        }
        return [.. chunks];
    }

    /// <summary>Numbers the slots that a chunk adds to, so that its sums are few.</summary>
    private static Chunk Compile(TreeTables[] trees)
    {
        int[] slots = [.. trees.SelectMany(t => t.Slots).Distinct().Order()];
        int[][] local = Array.ConvertAll(trees, t => Array.ConvertAll(t.Slots, s => Array.BinarySearch(slots, s)));
        return new Chunk(trees, local, slots, trees.Max(t => t.Plan.Levels));
    }

    private void Look(Chunk[] chunks, ReadOnlyMemory<float> rows, double[] sums, CancellationToken cancellation)
    {
        int count = rows.Length / features, blocks = (count + Block - 1) / Block;
        if (count == 0 || chunks.Length == 0) return;
        ParallelOptions options = Options(cancellation);
        // Ranges of blocks, so that a chunk is fetched once for several of them; few enough for their sums to stay near, and enough for all threads.
        int most = (int)Math.Clamp((4L << 20) / ((long)Block * game.Slots * sizeof(double)), 1, 8);
        int range = Math.Clamp(blocks / (4 * options.MaxDegreeOfParallelism), 1, most), ranges = (blocks + range - 1) / range;
        Parallel.For(0, ranges, options, () => new Worker(this, chunks, range), (i, _, worker) =>
        {
            int first = i * range * Block, length = Math.Min(range * Block, count - first);
            worker.Run(rows.Span.Slice(first * features, length * features), sums.AsSpan(first * game.Slots, length * game.Slots), cancellation);
            return worker;
        }, worker => worker.Dispose());
    }

    /// <summary>What one thread needs.</summary>
    private sealed unsafe class Worker : IDisposable
    {
        private readonly TableEngine engine;
        private readonly Chunk[] chunks;
        private readonly PatternWalk walk;
        private readonly RowBlocks columns;
        private readonly double[] sums;
        private readonly float* near;

        public Worker(TableEngine engine, Chunk[] chunks, int blocks)
        {
            (this.engine, this.chunks) = (engine, chunks);
            walk = new PatternWalk(engine.game.Trees);
            walk.Reserve(chunks.Max(c => c.Levels));
            columns = new RowBlocks(engine.features, blocks * Block);
            sums = new double[blocks * engine.game.Slots * Block];
            near = (float*)NativeMemory.AlignedAlloc((nuint)chunks.Max(c => c.Slots.Length) * Block * sizeof(float), 64);
        }

        public void Run(ReadOnlySpan<float> rows, Span<double> result, CancellationToken cancellation)
        {
            columns.Fill(rows);
            int slots = engine.game.Slots;
            Array.Clear(sums);
            foreach (Chunk chunk in chunks)
            {
                cancellation.ThrowIfCancellationRequested();
                for (int b = 0; b < columns.Blocks; b++) RunBlock(chunk, b);
            }
            for (int b = 0; b < columns.Blocks; b++)
            {
                int count = columns.Count(b);
                for (int s = 0; s < slots; s++)
                {
                    ReadOnlySpan<double> of = sums.AsSpan((b * slots + s) * Block, count);
                    Span<double> to = result[(b * Block * slots + s)..];
                    for (int r = 0; r < of.Length; r++) to[r * slots] += of[r];
                }
            }
        }

        private void RunBlock(Chunk chunk, int block)
        {
            int rows = (columns.Count(block) + 15) & ~15;
            new Span<float>(near, chunk.Slots.Length * Block).Clear();
            fixed (float* x = &columns.Columns[columns.Start(block)])
            {
                for (int t = 0; t < chunk.Trees.Length; t++)
                {
                    TreeTables tree = chunk.Trees[t];
                    fixed (float* table = tree.Table)
                    fixed (int* slots = chunk.Local[t])
                    {
                        foreach (ref readonly Step step in tree.Plan.Steps.AsSpan())
                        {
                            if (step.Kind != StepKind.Look)
                            {
                                walk.Take(step, x, rows);
                                continue;
                            }
                            ref readonly UnitTable unit = ref tree.Units[step.Node];
                            TableLookUp.Add(unit, table + unit.Table, near, slots + unit.Column, walk.Level(step.From), rows);
                        }
                    }
                }
            }
            int first = block * engine.game.Slots;
            for (int s = 0; s < chunk.Slots.Length; s++)
            {
                Span<double> to = sums.AsSpan((first + chunk.Slots[s]) * Block, rows);
                for (int r = 0; r < to.Length; r++) to[r] += near[s * Block + r];
            }
        }

        public void Dispose()
        {
            walk.Dispose();
            NativeMemory.AlignedFree(near);
        }
    }
}
