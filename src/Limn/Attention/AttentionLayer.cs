using Limn.Engine;

namespace Limn.Attention;

/// <summary>The attention of one layer, [rows, heads, tokens, tokens], and the gradient of the score with respect to it.</summary>
internal sealed class AttentionLayer
{
    private readonly NdArray values;
    private readonly NdArray? gradients;

    /// <param name="name">The layer.</param>
    /// <param name="values">[rows, heads, tokens, tokens], [rows · heads, tokens, tokens] or [rows, tokens, tokens].</param>
    /// <param name="gradients">Of the same shape; null where they are not needed.</param>
    /// <param name="rows">How many rows.</param>
    /// <param name="transposed">Whether the softmax goes over the axis before the last.</param>
    public AttentionLayer(string name, NdArray values, NdArray? gradients, int rows, bool transposed = false)
    {
        Name = name;
        this.values = transposed ? Transposed(values) : values;
        this.gradients = transposed && gradients is not null ? Transposed(gradients) : gradients;
        Tokens = values.Dims[^1];
        Heads = values.Length / (rows * Tokens * Tokens);
    }

    public string Name { get; }

    public int Tokens { get; }

    public int Heads { get; }

    public static bool IsSquare(NdArray values, int rows) =>
        values.Rank >= 3 && values.Dims[^1] == values.Dims[^2] && values.Dims[^1] > 0 && values.Dims[0] > 0 && values.Dims[0] % rows == 0 && values.Length > 0;

    /// <summary>The matrix of one head, from a token (row) to the tokens it attends to (columns).</summary>
    public ReadOnlySpan<float> Head(int row, int head) => Part(values, row, head);

    /// <summary>The gradient of one head.</summary>
    public ReadOnlySpan<float> Gradient(int row, int head) => Part(gradients!, row, head);

    /// <summary>The tokens of a row on whose attention the score depends.</summary>
    public int[] Read(int row) => gradients is null ? [] : [.. Enumerable.Range(0, Tokens).Where(i =>
        Enumerable.Range(0, Heads).Any(h => Gradient(row, h).Slice(i * Tokens, Tokens).ContainsAnyExcept(0f)))];

    private static NdArray Transposed(NdArray matrices)
    {
        NdArray turned = matrices.Copy();
        int n = matrices.Dims[^1];
        for (int m = 0; m < matrices.Length; m += n * n)
            for (int i = 0; i < n * n; i++) turned.Floats[m + i % n * n + i / n] = matrices.Floats[m + i];
        return turned;
    }

    private ReadOnlySpan<float> Part(NdArray array, int row, int head)
    {
        int size = Tokens * Tokens;
        return array.Floats.Slice((row * Heads + head) * size, size);
    }
}
