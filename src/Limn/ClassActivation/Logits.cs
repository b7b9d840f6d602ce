using Limn.Compilation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Engine;
using Limn.Models;

namespace Limn.ClassActivation;

/// <summary>The same question about the logits, where the target is a probability.</summary>
internal static class Logits
{
    /// <summary>The question before a final Softmax, LogSoftmax or Sigmoid (the question itself where there is none), and the value it reads from.</summary>
    public static (Question Question, NdArray Values) Of(Question question)
    {
        TargetSource source = question.Source!;
        Value? logits = TargetSource.Squashing(source.Graph, source.Value)?.Inputs[0];
        if (logits is null) return (question, question.SourceValue());
        NdArray values = question.About(source with { Value = logits }, question.Readout).SourceValue();
        var readout = new Readout(question.Readout.Weights.Reshape(values.Dims.ToArray()), question.Readout.Classes);
        return (question.About(source with { Value = logits }, readout), values);
    }

    /// <summary>The same in a graph.</summary>
    public static (ExplanationGraph Question, Value Values) Of(ExplanationGraph question)
    {
        TargetSource source = question.Source;
        if (TargetSource.Squashing(source.Graph, source.Value)?.Inputs[0] is not { } logits) return (question, question.SourceValue());
        ExplanationGraph before = question.About(source with { Value = logits }, question.Weights);
        Value values = before.SourceValue();
        return (question.About(source with { Value = logits }, question.Graph.ReshapeLike(question.Weights, values)), values);
    }
}
