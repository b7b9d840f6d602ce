using Limn.Engine;

namespace Limn.Models;

/// <summary>Asks a model of which nothing is known but that it can be called.</summary>
internal static class BlackBox
{
    /// <summary>The outputs for a batch.</summary>
    /// <param name="model">The model.</param>
    /// <param name="inputs">The rows.</param>
    /// <param name="what">What the rows are, for messages.</param>
    /// <param name="cancellation">Stops a long prediction.</param>
    /// <exception cref="PredictorException">It throws, or does not answer with a row for each.</exception>
    public static IReadOnlyList<NdArray> Predict(IPredictor model, IReadOnlyList<NdArray> inputs, string what, CancellationToken cancellation)
    {
        int rows = inputs[0].Rank == 0 ? 1 : inputs[0].Dims[0];
        IReadOnlyList<NdArray> outputs;
        try
        {
            outputs = model.Predict(inputs, cancellation);
        }
        catch (Exception e) when (e is not (LimnException or OperationCanceledException))
        {
            throw new PredictorException($"The model threw {e.GetType().Name} when it was asked for {what}: {e.Message}", e);
        }
        return outputs is [{ } first, ..] && (first.Rank == 0 ? 1 : first.Dims[0]) == rows ? outputs
            : throw new PredictorException($"The model was asked for {what} and answered with {(outputs is [{ } some, ..] ? $"a first output of shape {NdArray.Describe(some.Dims)}" : "nothing")}; it must return one row for each.");
    }
}
