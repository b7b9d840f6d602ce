using System.Numerics.Tensors;
using Limn.Engine;
using Limn.Models;

namespace Limn;

/// <summary>Checks of what the user gives, before any work.</summary>
internal static class Validation
{
    public static void Inputs(IPredictor model, IReadOnlyList<NdArray> inputs)
    {
        if (inputs.Count == 0) throw new ShapeMismatchException("No input was given.");
        for (int i = 0; i < inputs.Count; i++)
        {
            NdArray input = inputs[i];
            string name = model is OnnxModel network && i < network.Graph.Inputs.Count ? $"input '{network.Graph.Inputs[i].Name}'" : "input";
            if (input.Rank == 0) throw new ShapeMismatchException($"The {name} is a single number; give rows along the first axis.");
            if (input.Dims[0] == 0) throw new InvalidDataException($"The {name} has no rows; there is nothing to explain.");
            if (input.Dims[0] != inputs[0].Dims[0])
                throw new ShapeMismatchException($"The {name} has {input.Dims[0]} rows, and the first input has {inputs[0].Dims[0]}; all inputs must have the same number.");
            if (input.Type.Storage() != Storage.Float) continue;
            if (model is ITakesMissing tolerant)
            {
                tolerant.CheckMissing(input.Floats);
                continue;
            }
            ReadOnlySpan<float> values = input.Floats;
            if (TensorPrimitives.IsFiniteAll(values)) continue;
            int at = 0;
            while (float.IsFinite(values[at])) at++;
            throw new InvalidDataException($"The {name} holds {values[at]} at {Index(at, input)}; attributions of missing or infinite numbers are not defined. Replace it, for example by the column's mean.");
        }
    }

    private static string Index(int flat, NdArray array)
    {
        var index = new int[array.Rank];
        for (int i = array.Rank - 1; i >= 0; i--)
        {
            index[i] = flat % array.Dims[i];
            flat /= array.Dims[i];
        }
        return NdArray.Describe(index);
    }
}
