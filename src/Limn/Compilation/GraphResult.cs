using Limn.Engine.Graphs;

namespace Limn.Compilation;

/// <summary>What a method writes into a graph; the counterpart of <see cref="MethodResult"/>.</summary>
/// <param name="Values">The attributions of each place.</param>
/// <param name="Prediction">The score of each row.</param>
/// <param name="Delta">Σ attributions − change of the score that they should add up to, where the method promises that.</param>
internal sealed record GraphResult(IReadOnlyList<Value> Values, Value Prediction, Value? Delta = null)
{
    /// <summary>The names of the explained tensors, where they are others than the places.</summary>
    public IReadOnlyList<string>? Names { get; init; }
}
