using Limn.Engine;
using Limn.Models;

namespace Limn.Trees;

/// <summary>A model of which the trees are known.</summary>
internal interface ITreeModel : IPredictor
{
    TreeEnsemble Ensemble { get; }

    /// <summary>What an explanation of the trees should say beside its values.</summary>
    IReadOnlyList<string> Remarks { get; }

    /// <summary>What the trees look at, [rows, features], for inputs of the model.</summary>
    NdArray FeaturesOf(IReadOnlyList<NdArray> inputs, CancellationToken cancellation);
}

/// <summary>An ONNX model as its trees: takes the model's inputs and gives the ensemble's predictions.</summary>
internal sealed class OnnxTreeModel(OnnxTrees onnx, int threads) : ITreeModel, ITakesMissing
{
    public TreeEnsemble Ensemble { get; } = onnx.Ensemble.WithThreads(threads);

    public IReadOnlyList<string> Remarks => onnx.HasPrefix
        ? [$"Explained is what the trees look at ('{onnx.Input.Name}'), which the model computes of its inputs first."] : [];

    /// <summary>The trees of a network; null where it has none, or several ensembles.</summary>
    public static OnnxTreeModel? Of(OnnxModel network) =>
        network.Graph.Nodes.Count(n => n.Operator is Engine.Operators.TreeEnsemble) == 1 ? new OnnxTreeModel(OnnxTrees.Of(network.Graph), network.Threads) : null;

    public NdArray FeaturesOf(IReadOnlyList<NdArray> inputs, CancellationToken cancellation) =>
        onnx.HasPrefix || inputs.Count > 1 || inputs[0].Type != ElementType.Float ? onnx.Features(inputs, cancellation) : inputs[0];

    public IReadOnlyList<NdArray> Predict(IReadOnlyList<NdArray> inputs, CancellationToken cancellation = default) => Ensemble.Predict([FeaturesOf(inputs, cancellation)], cancellation);

    public void CheckMissing(ReadOnlySpan<float> rows, long firstRow = 0, IReadOnlyList<string>? names = null)
    {
        // ONNX says for each split where NaN goes.
    }
}
