namespace Limn.Trees.Shap;

/// <summary>Rows turned into columns, block by block: [blocks, features, <see cref="PatternWalk.Block"/>], the last block filled up with zeros.</summary>
internal sealed class RowBlocks
{
    private const int Block = PatternWalk.Block;
    private readonly int features;

    public RowBlocks(int features, int rows)
    {
        this.features = features;
        Columns = new float[checked((rows + Block - 1) / Block * features * Block)];
    }

    public RowBlocks(int features, ReadOnlySpan<float> rows) : this(features, rows.Length / features) => Fill(rows);

    public float[] Columns { get; }

    public int Rows { get; private set; }

    public int Blocks => (Rows + Block - 1) / Block;

    /// <summary>Where a block's columns begin.</summary>
    public int Start(int block) => block * features * Block;

    /// <summary>How many rows a block has.</summary>
    public int Count(int block) => Math.Min(Block, Rows - block * Block);

    /// <summary>Takes other rows, at most as many as there is room for.</summary>
    public void Fill(ReadOnlySpan<float> rows)
    {
        Rows = rows.Length / features;
        for (int b = 0; b < Blocks; b++)
        {
            Span<float> to = Columns.AsSpan(Start(b), features * Block);
            int count = Count(b);
            if (count < Block) to.Clear();
            // A few features at a time, so that what is written stays in the nearest cache.
            for (int f = 0; f < features; f += 16)
            {
                int last = Math.Min(f + 16, features);
                for (int r = 0; r < count; r++)
                {
                    ReadOnlySpan<float> row = rows.Slice((b * Block + r) * features, features);
                    for (int j = f; j < last; j++) to[j * Block + r] = row[j];
                }
            }
        }
    }
}
