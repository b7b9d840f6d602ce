namespace Limn.Engine.Kernels;

/// <summary>A function of a program's step.</summary>
internal enum VectorFunction
{
    Add,
    Subtract,
    Multiply,
    Divide,
    Negate,
    Absolute,
    Reciprocal,
    Exp,
    Erf,
    Tanh,
    Sigmoid,
    Relu,
    Gelu,
    GeluTanh,
}

/// <summary>One step of a program: target = function(left, right), or of left alone. Operands are numbered.</summary>
internal readonly record struct VectorStep(VectorFunction Function, int Left, int Right, int Target);

/// <summary>Where an operand lies in a block: element (r, c) is at Data[r * Row + c * Column], with a column step of 0 or 1.</summary>
internal readonly unsafe record struct VectorOperand(nint Address, nint Row, int Column)
{
    public float* Data => (float*)Address;
}

/// <summary>Functions of vectors done one after the other on blocks so small that what is in between never leaves the first-level cache.</summary>
internal static unsafe class VectorProgram
{
    /// <summary>Elements of a block.</summary>
    public const int Block = 1024;

    /// <summary>Runs the steps on a block of rows and columns.</summary>
    public static void Run(ReadOnlySpan<VectorStep> steps, ReadOnlySpan<VectorOperand> operands, int rows, int columns)
    {
        if (System.Runtime.Intrinsics.Vector512.IsHardwareAccelerated) Run<Floats512>(steps, operands, rows, columns);
        else Run<NativeFloats>(steps, operands, rows, columns);
    }

    internal static void Run<V>(ReadOnlySpan<VectorStep> steps, ReadOnlySpan<VectorOperand> operands, int rows, int columns)
        where V : struct, IFloats<V>
    {
        foreach (VectorStep step in steps)
        {
            VectorOperand a = operands[step.Left], b = step.Right < 0 ? default : operands[step.Right], y = operands[step.Target];
            switch (step.Function)
            {
                case VectorFunction.Add: Binary<AddVectors, V>(rows, columns, a, b, y); break;
                case VectorFunction.Subtract: Binary<SubtractVectors, V>(rows, columns, a, b, y); break;
                case VectorFunction.Multiply: Binary<MultiplyVectors, V>(rows, columns, a, b, y); break;
                case VectorFunction.Divide: Binary<DivideVectors, V>(rows, columns, a, b, y); break;
                case VectorFunction.Negate: Unary<NegateFunction, V>(rows, columns, a, y); break;
                case VectorFunction.Absolute: Unary<AbsoluteFunction, V>(rows, columns, a, y); break;
                case VectorFunction.Reciprocal: Unary<ReciprocalFunction, V>(rows, columns, a, y); break;
                case VectorFunction.Exp: Unary<ExpFunction, V>(rows, columns, a, y); break;
                case VectorFunction.Erf: Unary<ErfFunction, V>(rows, columns, a, y); break;
                case VectorFunction.Tanh: Unary<TanhFunction, V>(rows, columns, a, y); break;
                case VectorFunction.Sigmoid: Unary<SigmoidFunction, V>(rows, columns, a, y); break;
                case VectorFunction.Relu: Unary<ReluFunction, V>(rows, columns, a, y); break;
                case VectorFunction.Gelu: Unary<GeluFunction, V>(rows, columns, a, y); break;
                case VectorFunction.GeluTanh: Unary<GeluTanhFunction, V>(rows, columns, a, y); break;
                default: throw new ArgumentOutOfRangeException(nameof(steps), step.Function, "The function is not one of a program.");
            }
        }
    }

    private static void Unary<TFunction, V>(int rows, int columns, VectorOperand a, VectorOperand y)
        where TFunction : struct, IVectorFunction
        where V : struct, IFloats<V>
    {
        if (a.Row == columns && y.Row == columns) (rows, columns) = (1, rows * columns);
        for (int r = 0; r < rows; r++)
            Elementwise.Run<TFunction, V>(default, new ReadOnlySpan<float>(a.Data + r * a.Row, columns), new Span<float>(y.Data + r * y.Row, columns));
    }

    private static void Binary<TFunction, V>(int rows, int columns, VectorOperand a, VectorOperand b, VectorOperand y)
        where TFunction : struct, IVectorFunction2
        where V : struct, IFloats<V>
    {
        // Without rows or columns that repeat the block is one long row.
        if (IsDense(a, columns) && IsDense(b, columns) && y.Row == columns) (rows, columns) = (1, rows * columns);
        float* padded = stackalloc float[2 * V.Count];
        int whole = columns - columns % V.Count, rest = columns - whole;
        for (int r = 0; r < rows; r++)
        {
            float* left = a.Data + r * a.Row, right = b.Data + r * b.Row, to = y.Data + r * y.Row;
            if (a.Column == 1 && b.Column == 1)
            {
                for (int c = 0; c < whole; c += V.Count) default(TFunction).Invoke(V.Load(ref left[c], 0), V.Load(ref right[c], 0)).Store(ref to[c], 0);
            }
            else if (a.Column == 1)
            {
                V repeated = V.Create(*right);
                for (int c = 0; c < whole; c += V.Count) default(TFunction).Invoke(V.Load(ref left[c], 0), repeated).Store(ref to[c], 0);
            }
            else if (b.Column == 1)
            {
                V repeated = V.Create(*left);
                for (int c = 0; c < whole; c += V.Count) default(TFunction).Invoke(repeated, V.Load(ref right[c], 0)).Store(ref to[c], 0);
            }
            else
            {
                V value = default(TFunction).Invoke(V.Create(*left), V.Create(*right));
                for (int c = 0; c < whole; c += V.Count) value.Store(ref to[c], 0);
            }
            if (rest == 0) continue;
            for (int i = 0; i < V.Count; i++)
            {
                int c = whole + Math.Min(i, rest - 1);
                padded[i] = left[c * a.Column];
                padded[V.Count + i] = right[c * b.Column];
            }
            default(TFunction).Invoke(V.Load(ref *padded, 0), V.Load(ref padded[V.Count], 0)).Store(ref *padded, 0);
            for (int i = 0; i < rest; i++) to[whole + i] = padded[i];
        }
    }

    private static bool IsDense(VectorOperand operand, int columns) => operand.Column == 1 ? operand.Row == columns : operand.Row == 0;

    private interface IVectorFunction2
    {
        V Invoke<V>(V a, V b)
            where V : struct, IFloats<V>;
    }

    private readonly struct AddVectors : IVectorFunction2
    {
        public V Invoke<V>(V a, V b)
            where V : struct, IFloats<V> => a + b;
    }

    private readonly struct SubtractVectors : IVectorFunction2
    {
        public V Invoke<V>(V a, V b)
            where V : struct, IFloats<V> => a - b;
    }

    private readonly struct MultiplyVectors : IVectorFunction2
    {
        public V Invoke<V>(V a, V b)
            where V : struct, IFloats<V> => a * b;
    }

    private readonly struct DivideVectors : IVectorFunction2
    {
        public V Invoke<V>(V a, V b)
            where V : struct, IFloats<V> => a / b;
    }

    private readonly struct NegateFunction : IVectorFunction
    {
        public V Invoke<V>(V x)
            where V : struct, IFloats<V> => V.Create(-0f) - x;
    }

    private readonly struct AbsoluteFunction : IVectorFunction
    {
        public V Invoke<V>(V x)
            where V : struct, IFloats<V> => V.Abs(x);
    }

    private readonly struct ReciprocalFunction : IVectorFunction
    {
        public V Invoke<V>(V x)
            where V : struct, IFloats<V> => V.Create(1) / x;
    }
}
