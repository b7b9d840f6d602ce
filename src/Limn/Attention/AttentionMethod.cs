using Limn.ClassActivation;
using Limn.Compilation;
using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Models;

namespace Limn.Attention;

/// <summary>Whose view of the tokens is shown.</summary>
public enum AttentionRow
{
    /// <summary>That of the tokens that the target reads from the last attention: of the class token, where only it is read; the mean over all of them elsewhere.</summary>
    Read,

    /// <summary>The first token's, usually a class token.</summary>
    First,

    /// <summary>The last token's.</summary>
    Last,

    /// <summary>The mean over all tokens.</summary>
    Mean,
}

/// <summary>A method that follows attention through the layers of a transformer: a number for each token.</summary>
/// <remarks>
/// The result is [rows, tokens], or, where the network reads a picture of which the tokens (without a class token) are a grid, a map [rows, 1, height, width].
/// Attention matrices are the softmaxes over the last axis (or, transposed, the one before) that become a factor of a matrix product, [rows, heads, tokens, tokens]; heads may be part
/// of the first axis, and absent. Those that are not square (cross-attention, pooling by attention) are passed over, with a remark.
/// </remarks>
public abstract class AttentionMethod : GradientMethod
{
    internal const string NoAxioms = "It gives a number a token of the attention, not one an input.";

    private protected AttentionMethod(OnnxModel model) : base(model)
    {
    }

    /// <summary>The attention matrices, by the names of their softmaxes with commas between; all that the target depends on when null.</summary>
    [Option("layers", "The softmaxes whose attention is followed, with commas between (default: all that the target depends on).")]
    public string? Layers { get; init; }

    /// <summary>Whose row of the relevance is shown (default: of the tokens that the target reads).</summary>
    [Option("row", "Whose view is shown: of the tokens that the target reads (the class token, or the mean), the first, the last, or the mean of all.")]
    public AttentionRow Row { get; init; } = AttentionRow.Read;

    internal override Target TargetFor(Target given, ExplainOptions options) => options.At is null ? given
        : throw new InvalidOptionException($"The method '{Name}' follows attention from the inputs on; it has no layer to explain at. Choose the attention with --set layers={options.At}.");

    protected internal override MethodResult Compute(Question question)
    {
        ArgumentNullException.ThrowIfNull(question);
        List<string> remarks = [];
        var (maps, arrays) = Find(question, remarks);
        Question at = question.At(maps);
        var (scores, gradients) = TakesGradients || Row == AttentionRow.Read ? at.Gradient() : (question.Scores(), []);
        AttentionLayer[] layers = [.. arrays.Select((a, l) => new AttentionLayer(maps[l].Name, a, gradients.Length == 0 ? null : gradients[l], question.Rows, AttentionMaps.IsTransposed(question.Network.Graph, maps[l], a.Rank)))];
        if (layers.FirstOrDefault(l => l.Tokens != layers[0].Tokens) is { } other)
            throw new InvalidTargetException($"The attention of '{layers[0].Name}' has {layers[0].Tokens} tokens and that of '{other.Name}' {other.Tokens}, so they cannot be followed as one. Choose layers of one size (--set layers=NAME,NAME).");

        int tokens = layers[0].Tokens;
        NdArray result = NdArray.Create(ElementType.Float, question.Rows, tokens);
        for (int r = 0; r < question.Rows; r++)
        {
            question.ThrowIfCancelled();
            double[] relevance = Follow(layers, r);
            int[] shown = Shown(layers[^1], r);
            for (int j = 0; j < tokens; j++) result.Floats[r * tokens + j] = (float)shown.Average(i => Entry(relevance, tokens, i, j, shown.Length == 1));
        }
        return LaidOut(question, result, scores, remarks);
    }

    /// <summary>Relevance of every token (column) for every token (row), [tokens · tokens], of one row of the batch.</summary>
    private protected abstract double[] Follow(IReadOnlyList<AttentionLayer> layers, int row);

    /// <summary>What is shown of the relevance of token j for token i.</summary>
    private protected virtual double Entry(double[] relevance, int tokens, int i, int j, bool single) => relevance[i * tokens + j];

    private (IReadOnlyList<Value> Maps, IReadOnlyList<NdArray> Arrays) Find(Question question, List<string> remarks)
    {
        bool named = Layers is not null;
        IReadOnlyList<Value> found = Found(question);
        if (found.Count == 0)
            throw NoneFound();
        IReadOnlyList<NdArray> arrays = question.At(found).PlaceValues();
        int[] kept = [.. Enumerable.Range(0, found.Count).Where(i => AttentionLayer.IsSquare(arrays[i], question.Rows))];
        if (kept.Length < found.Count)
        {
            int bad = Enumerable.Range(0, found.Count).First(i => !kept.Contains(i));
            string what = $"'{found[bad].Name}' {NdArray.Describe(arrays[bad].Dims)}";
            if (named || kept.Length == 0)
                throw new InvalidTargetException($"{what} is no attention of tokens to each other; that is [rows, heads, tokens, tokens]. {(named ? "Name others (--set layers=NAME,NAME)." : "Use lrp or integrated-gradients.")}");
            remarks.Add($"The attention {what} is not square{(found.Count - kept.Length > 1 ? $", nor are {found.Count - kept.Length - 1} more" : "")}: it is left out.");
        }
        return ([.. kept.Select(i => found[i])], [.. kept.Select(i => arrays[i])]);
    }

    internal override GraphResult InGraph(ExplanationGraph question) => Follow(new AttentionGraph(question, Found(question), named: Layers is not null));

    /// <summary>The same in a graph.</summary>
    private protected abstract GraphResult Follow(AttentionGraph attention);

    internal static InvalidTargetException NoneFound() =>
        new("No attention was found: no softmax over the last axis is a factor of a matrix product. If the network has attention in another form, name its matrices (--set layers=NAME,NAME).");

    private IReadOnlyList<Value> Found(IAsked question) => Layers is not null
        ? [.. Layers.Split(',').Select(n => question.Network.Layers.Find(n.Trim()))]
        : AttentionMaps.Behind(question.Source!.Graph, question.Source.Value);

    private int[] Shown(AttentionLayer last, int row) => Row switch
    {
        AttentionRow.First => [0],
        AttentionRow.Last => [last.Tokens - 1],
        AttentionRow.Read when last.Read(row) is { Length: > 0 } read => read,
        _ => [.. Enumerable.Range(0, last.Tokens)],
    };

    private static MethodResult LaidOut(Question question, NdArray result, double[] scores, List<string> remarks)
    {
        int tokens = result.Dims[1];
        Graph graph = question.Network.Graph;
        int picture = Enumerable.Range(0, question.Inputs.Count).FirstOrDefault(i => question.Inputs[i].Rank == 4, -1);
        if (picture >= 0 && MapLayout.Grid(tokens, InputChannels.Spatial(graph, graph.Inputs[picture], question.Inputs[picture].Dims)) is { } grid)
        {
            var layout = new MapLayout(2, grid.Spatial, grid.Leading);
            NdArray map = layout.ToMaps(result.Reshape(question.Rows, tokens, 1)).Reshape(question.Rows, 1, grid.Spatial[0], grid.Spatial[1]);
            remarks.Add($"The {tokens} tokens are shown as a grid of {grid.Spatial[0]} x {grid.Spatial[1]} parts of the picture{(grid.Leading > 0 ? $", without the first {(grid.Leading == 1 ? "" : $"{grid.Leading} ")}(no part of it)" : "")}.");
            return new MethodResult([map], scores) { Names = ["tokens"], Remarks = remarks };
        }
        int ids = Enumerable.Range(0, question.Inputs.Count).FirstOrDefault(i => !graph.Inputs[i].Type.IsFloating() && question.Inputs[i].Dims.SequenceEqual(result.Dims), -1);
        return new MethodResult([result], scores) { Names = [ids >= 0 ? graph.Inputs[ids].Name : "tokens"], Remarks = remarks };
    }
}
