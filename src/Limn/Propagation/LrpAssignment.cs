using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Models;

namespace Limn.Propagation;

/// <summary>Kinds of layers that have weights.</summary>
public enum LayerKind
{
    /// <summary>Convolutions and transposed convolutions.</summary>
    Convolution,

    /// <summary>Fully connected layers: products with a matrix of weights.</summary>
    Dense,
}

/// <summary>Gives a rule to the layers that fit all that is said: by kind, by name, by position. With nothing said, to every layer.</summary>
/// <param name="Rule">The rule.</param>
public sealed record LrpAssignment(LrpRule Rule)
{
    /// <summary>Only layers of this kind.</summary>
    public LayerKind? Kind { get; init; }

    /// <summary>Only layers with this name, or part of a path: <c>conv1</c> finds <c>/conv1/Conv</c>.</summary>
    public string? Layer { get; init; }

    /// <summary>Only layers that see the model's input through no other layer with weights.</summary>
    public bool First { get; init; }

    internal bool Fits(Node node, bool isFirst) =>
        (Kind is null || KindOf(node) == Kind) && (Layer is null || Layers.Matches(node.Name, Layer)) && (!First || isFirst);

    internal static LayerKind? KindOf(Node node) => node.Operator switch
    {
        Conv or ConvTranspose => LayerKind.Convolution,
        Gemm or MatMul => LayerKind.Dense,
        _ => null,
    };
}
