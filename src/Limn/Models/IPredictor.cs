using System.Numerics.Tensors;
using Limn.Engine;

namespace Limn.Models;

/// <summary>
/// Anything that can be called with a batch: what every black-box method needs, and all it needs.
/// </summary>
public interface IPredictor
{
    /// <summary>The outputs for a batch of rows.</summary>
    /// <param name="inputs">One array for each input of the model; rows lie along the first axis, and all have the same number of them.</param>
    /// <param name="cancellation">Stops a long prediction.</param>
    /// <returns>One array for each output of the model; rows lie along the first axis.</returns>
    IReadOnlyList<NdArray> Predict(IReadOnlyList<NdArray> inputs, CancellationToken cancellation = default);
}

/// <summary>
/// A model that is a function from a batch to a batch: an ML.NET pipeline, a web service, a lambda.
/// <code>var model = new FunctionModel(x => session.Run(x));</code>
/// </summary>
/// <param name="function">From [rows, ...] to [rows, outputs]; called with batches of any size.</param>
public sealed class FunctionModel(Func<Tensor<float>, Tensor<float>> function) : IPredictor
{
    /// <exception cref="ShapeMismatchException">There is more than one input, or the function returned another number of rows.</exception>
    public IReadOnlyList<NdArray> Predict(IReadOnlyList<NdArray> inputs, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        cancellation.ThrowIfCancellationRequested();
        if (inputs.Count != 1)
            throw new ShapeMismatchException($"A FunctionModel takes one input, and {inputs.Count} were given. Implement IPredictor for a model of several inputs.");
        NdArray output = NdArray.From(function(inputs[0].ToTensor()) ?? throw new LimnException("The model's function returned null instead of a tensor."));
        if (output.Rank == 0 || output.Dims[0] != inputs[0].Dims[0])
            throw new ShapeMismatchException($"The model's function was given {inputs[0].Dims[0]} rows and returned a tensor of shape {NdArray.Describe(output.Dims)}; it must return one row for each row.");
        return [output];
    }
}
