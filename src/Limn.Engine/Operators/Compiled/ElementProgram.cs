using Limn.Engine.Kernels;

namespace Limn.Engine.Operators.Compiled;

/// <summary>The parts of a fused step as a <see cref="VectorProgram"/>, where all of them have a function there.</summary>
internal sealed class ElementProgram
{
    private readonly VectorStep[] steps;
    private readonly float[] constants; // operands beyond those of the fused step
    private readonly OperandKind[] kinds;
    private readonly int outputs, operands, columns;

    private ElementProgram(VectorStep[] steps, float[] constants, OperandKind[] kinds, int outputs, int operands, int columns) =>
        (this.steps, this.constants, this.kinds, this.outputs, this.operands, this.columns) = (steps, constants, kinds, outputs, operands, columns);

    /// <param name="parts">The operators, in order.</param>
    /// <param name="kinds">How each input of the step lies.</param>
    /// <param name="numbers">For each input the number that it is at all times; null for others.</param>
    /// <param name="types">The element types of all operands.</param>
    /// <param name="outputs">How many outputs there are.</param>
    /// <param name="columns">The length of a row; 0 where no input is a row or a column.</param>
    /// <returns>Null where a part has no function.</returns>
    public static ElementProgram? Of(IReadOnlyList<FusedPart> parts, OperandKind[] kinds, float?[] numbers, ElementType[] types, int outputs, int columns)
    {
        if (Array.Exists(types, t => !t.IsFloating())) return null;
        var program = new List<VectorStep>();
        var factors = new List<float>();
        foreach (FusedPart part in parts)
        {
            int[] from = part.Inputs;
            VectorFunction? function = part.Operator switch
            {
                Add or Sum => VectorFunction.Add,
                Sub => VectorFunction.Subtract,
                Mul => VectorFunction.Multiply,
                Div => VectorFunction.Divide,
                Neg => VectorFunction.Negate,
                Abs => VectorFunction.Absolute,
                Reciprocal => VectorFunction.Reciprocal,
                Exp => VectorFunction.Exp,
                Erf => VectorFunction.Erf,
                Tanh => VectorFunction.Tanh,
                Sigmoid => VectorFunction.Sigmoid,
                Relu => VectorFunction.Relu,
                _ => null,
            };
            if (function is not { } f || from.Length == 0 || Array.Exists(from, i => i < 0)) return null;
            if (f > VectorFunction.Divide)
            {
                if (from[0] < kinds.Length && kinds[from[0]] != OperandKind.Full) return null;
                program.Add(new VectorStep(f, from[0], -1, part.Output));
                continue;
            }
            if (from.Length < 2) return null;
            if (f == VectorFunction.Divide && from[1] < kinds.Length && numbers[from[1]] is { } divisor && float.IsNormal(divisor) && float.IsNormal(1 / divisor))
            {
                // A division takes as long as ten products.
                program.Add(new VectorStep(VectorFunction.Multiply, from[0], types.Length + factors.Count, part.Output));
                factors.Add((float)(1.0 / divisor));
                continue;
            }
            for (int i = 1; i < from.Length; i++) program.Add(new VectorStep(f, i == 1 ? from[0] : part.Output, from[i], part.Output));
        }
        return new ElementProgram([.. program], [.. factors], kinds, outputs, types.Length, columns);
    }

    /// <summary>Whether the first output may lie in the memory of an input: nothing reads that input once the output begins to be written.</summary>
    public bool MayOverwrite(int input)
    {
        int first = Array.FindIndex(steps, s => s.Target == kinds.Length);
        return outputs == 1 && kinds[input] == OperandKind.Full && Array.FindLastIndex(steps, s => s.Left == input || s.Right == input) <= first;
    }

    public unsafe void Run(KernelContext context)
    {
        int length = context.Output(0).Length;
        if (length == 0) return;
        int rowLength = columns == 0 ? length : columns, rows = length / rowLength;
        int pieceLength = rowLength <= 2 * VectorProgram.Block ? rowLength : VectorProgram.Block, pieces = (rowLength + pieceLength - 1) / pieceLength;
        int rowsAtOnce = Math.Clamp(VectorProgram.Block / pieceLength, 1, rows), blocks = (rows + rowsAtOnce - 1) / rowsAtOnce * pieces;
        context.Workers.Ranges(blocks, Math.Max(1, 16384 / (rowsAtOnce * pieceLength)), (from, to) =>
        {
            Span<VectorOperand> at = stackalloc VectorOperand[operands + constants.Length];
            int given = kinds.Length + outputs;
            nint room = (nint)rowsAtOnce * pieceLength;
            using var scratch = new Scratch((operands - given) * (room + 16) + constants.Length);
            float* numbers = scratch.Pointer + (operands - given) * (room + 16);
            for (int i = 0; i < constants.Length; i++)
            {
                numbers[i] = constants[i];
                at[operands + i] = new VectorOperand((nint)(numbers + i), 0, 0);
            }
            using var pins = new Pins(context, kinds.Length, outputs);
            for (int block = from; block < to; block++)
            {
                int row = block / pieces * rowsAtOnce, column = block % pieces * pieceLength;
                int count = Math.Min(rowsAtOnce, rows - row), width = Math.Min(pieceLength, rowLength - column);
                for (int i = 0; i < operands; i++)
                {
                    if (i >= given)
                    {
                        at[i] = new VectorOperand((nint)(scratch.Pointer + (i - given) * (room + 16)), width, 1);
                        continue;
                    }
                    float* data = pins[i];
                    at[i] = (i < kinds.Length ? kinds[i] : OperandKind.Full) switch
                    {
                        OperandKind.Full => new VectorOperand((nint)(data + (nint)row * rowLength + column), rowLength, 1),
                        OperandKind.Row => new VectorOperand((nint)(data + column), 0, 1),
                        OperandKind.Column => new VectorOperand((nint)(data + row), 1, 0),
                        _ => new VectorOperand((nint)data, 0, 0),
                    };
                }
                VectorProgram.Run(steps, at, count, width);
            }
        });
    }

    /// <summary>The arrays of a step, held in place while it runs.</summary>
    private readonly unsafe struct Pins : IDisposable
    {
        private readonly System.Buffers.MemoryHandle[] handles;

        public Pins(KernelContext context, int inputs, int outputs)
        {
            handles = new System.Buffers.MemoryHandle[inputs + outputs];
            for (int i = 0; i < handles.Length; i++)
                handles[i] = (i < inputs ? context.Input(i) : context.Output(i - inputs)).FloatMemory.Pin();
        }

        public float* this[int index] => (float*)handles[index].Pointer;

        public void Dispose()
        {
            foreach (ref System.Buffers.MemoryHandle handle in handles.AsSpan()) handle.Dispose();
        }
    }
}
