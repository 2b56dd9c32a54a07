//go:build cgo && linux && amd64 && v8

// Guests on V8, by its C++ interface: v8go's own has no way to a memory, boxes every value and crosses cgo
// several times a call.
//
// An instance has an isolate of its own, since one thread at a time may be in an isolate, and instances may be used
// at the same time. Their module's code is compiled once and shared.

#include "embed.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "libplatform/libplatform.h"
#include "v8-wasm-trap-handler-posix.h"
#include "v8.h"

namespace {

// ready: the bounds of stacks do not change any more (package bridge has limited the main thread's).
std::atomic<bool> ready;

v8::Platform *platform;
v8::ArrayBuffer::Allocator *allocator;
struct sigaction before;

// on_fault is in front of Go's handler (and of other engines'): bounds of V8's compiled code are guard pages. V8's
// own handler, at a fault that is not one of its, would take itself away for good.
void on_fault(int number, siginfo_t *info, void *context) {
  if (v8::TryHandleWebAssemblyTrapPosix(number, info, context))
    return;
  if (before.sa_flags & SA_SIGINFO)
    before.sa_sigaction(number, info, context);
  else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
    before.sa_handler(number);
  else
    sigaction(number, &before, nullptr);
}

void initialize() {
  ready = true;
  // A thread that is older than V8 may not look at memory under a protection key, and Go's threads may be.
  v8::V8::SetFlagsFromString("--no-wasm-memory-protection-keys");
  v8::V8::EnableWebAssemblyTrapHandler(false);
  platform = v8::platform::NewDefaultPlatform().release();
  v8::V8::InitializePlatform(platform);
  v8::V8::Initialize();
  allocator = v8::ArrayBuffer::Allocator::NewDefaultAllocator();
  struct sigaction action = {};
  action.sa_sigaction = on_fault;
  // Another engine's handler may never return here, and what is blocked would stay blocked.
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGSEGV, &action, &before);
}

pthread_once_t once = PTHREAD_ONCE_INIT;

// V8 puts memories one behind the other, with 10 GiB of guards each; they begin 2 GiB behind that.
constexpr size_t memory_length = size_t{10} << 30, memory_lead = size_t{2} << 30;

// placed has the next memory begin where windows can be, by keeping what lies before that place. If that does not
// work, windows cannot be there.
class placed {
 public:
  explicit placed(const guest *g) : space(v8::V8::GetSandboxAddressSpace()) {
    pthread_mutex_lock(&placing);
    const size_t granularity = space->allocation_granularity();
    auto probe = space->AllocatePages(v8::VirtualAddressSpace::kNoHint, memory_length, granularity, v8::PagePermissions::kNoAccess);
    if (!probe)
      return;
    space->FreePages(probe, memory_length);
    length = (g->offset - (probe + memory_lead)) & (g->modulus - 1);
    if (length)
      kept = space->AllocatePages(probe, length, granularity, v8::PagePermissions::kNoAccess);
  }
  ~placed() {
    if (kept)
      space->FreePages(kept, length);
    pthread_mutex_unlock(&placing);
  }
  placed(const placed &) = delete;

 private:
  static pthread_mutex_t placing;
  v8::VirtualAddressSpace *space;
  v8::VirtualAddressSpace::Address kept = 0;
  size_t length = 0;
};

pthread_mutex_t placed::placing = PTHREAD_MUTEX_INITIALIZER;

v8::Isolate *new_isolate() {
  pthread_once(&once, initialize);
  v8::Isolate::CreateParams params;
  params.array_buffer_allocator = allocator;
  return v8::Isolate::New(params);
}

void dispose(v8::Isolate *isolate) {
  v8::platform::NotifyIsolateShutdown(platform, isolate);
  isolate->Dispose();
}

// host_stack is what V8's own functions, the host's and Go's runtime take of a thread's stack.
constexpr size_t host_stack = 64 << 10;

// stack is a thread's.
struct stack {
  void *address = nullptr;
  size_t size = 0;
};

int look_up(pthread_t thread, pthread_attr_t *attributes) {
  using function = int (*)(pthread_t, pthread_attr_t *);
  static const auto look = reinterpret_cast<function>(dlsym(RTLD_NEXT, "pthread_getattr_np"));
  return look ? look(thread, attributes) : ENOSYS;
}

const stack &this_stack() {
  static thread_local stack known;
  pthread_attr_t attributes;
  if (!known.size && look_up(pthread_self(), &attributes) == 0) {
    pthread_attr_getstack(&attributes, &known.address, &known.size);
    pthread_attr_destroy(&attributes);
  }
  return known;
}

// stack_limit is the end of this thread's stack for guests.
uintptr_t stack_limit() { return reinterpret_cast<uintptr_t>(this_stack().address) + host_stack; }

// entered is a thread inside an isolate.
struct entered {
  explicit entered(v8::Isolate *isolate) : lock(isolate), inside(isolate), handles(isolate) {
    isolate->SetStackLimit(stack_limit());
  }
  v8::Locker lock;
  v8::Isolate::Scope inside;
  v8::HandleScope handles;
};

// caught is why V8 has not returned.
char *caught(v8::Isolate *isolate, const v8::TryCatch &attempt) {
  if (attempt.Message().IsEmpty())
    return strdup("it does not say why");
  v8::String::Utf8Value words(isolate, attempt.Message()->Get());
  return strdup(*words ? *words : "it does not say why");
}

v8::Local<v8::String> string(v8::Isolate *isolate, text of) {
  return v8::String::NewFromUtf8(isolate, of.data ? of.data : "", v8::NewStringType::kNormal, of.length).ToLocalChecked();
}

v8::Local<v8::String> string(v8::Isolate *isolate, const char *of) { return string(isolate, text{of, strlen(of)}); }

struct types {
  explicit types(signature s) : params(s.params, s.params + s.params_length), results(s.results, s.results + s.results_length) {}
  std::vector<uint8_t> params, results;
};

enum : uint8_t { f64 = 0x7c, f32 = 0x7d, i64 = 0x7e, i32 = 0x7f };

v8::Local<v8::Value> to_value(v8::Isolate *isolate, uint8_t type, uint64_t slot) {
  switch (type) {
    case i32:
      return v8::Integer::New(isolate, static_cast<int32_t>(slot));
    case i64:
      return v8::BigInt::New(isolate, static_cast<int64_t>(slot));
    case f32: {
      uint32_t bits = static_cast<uint32_t>(slot);
      float number;
      memcpy(&number, &bits, sizeof number);
      return v8::Number::New(isolate, number);
    }
    default: {
      double number;
      memcpy(&number, &slot, sizeof number);
      return v8::Number::New(isolate, number);
    }
  }
}

uint64_t to_slot(uint8_t type, v8::Local<v8::Value> value) {
  switch (type) {
    case i32:
      return static_cast<uint32_t>(static_cast<int64_t>(value.As<v8::Number>()->Value()));
    case i64:
      return static_cast<uint64_t>(value.As<v8::BigInt>()->Int64Value());
    case f32: {
      float number = static_cast<float>(value.As<v8::Number>()->Value());
      uint32_t bits;
      memcpy(&bits, &number, sizeof bits);
      return bits;
    }
    default: {
      double number = value.As<v8::Number>()->Value();
      uint64_t bits;
      memcpy(&bits, &number, sizeof bits);
      return bits;
    }
  }
}

// imported is what a host function knows of itself, function what an export is called by.
struct imported {
  guest *g;
  uint32_t index;
  types type;
};
struct function {
  v8::Global<v8::Function> callee;
  types type;
};

// instance is guest.own.
struct instance {
  v8::Isolate *isolate = nullptr;
  v8::Global<v8::Context> context;
  v8::Global<v8::Object> exports;
  v8::Global<v8::WasmMemoryObject> memory;
  std::vector<std::unique_ptr<imported>> imports;
  std::vector<std::unique_ptr<function>> functions;
};

instance *of(guest *g) { return static_cast<instance *>(g->own); }

// note_memory is refresh within the isolate.
void note_memory(guest *g) {
  instance *in = of(g);
  if (in->memory.IsEmpty())
    return;
  v8::Local<v8::ArrayBuffer> buffer = in->memory.Get(in->isolate)->Buffer();
  uint64_t size = buffer->ByteLength();
  if (size != g->size || !g->base) {
    g->base = static_cast<uint8_t *>(buffer->Data());
    g->size = size;
  }
}

// refresh has nothing to do: every way out of an isolate notes the memory.
void refresh(guest *) {}

void call_host(const v8::FunctionCallbackInfo<v8::Value> &info) {
  const imported *import = static_cast<const imported *>(info.Data().As<v8::External>()->Value());
  guest *g = import->g;
  v8::Isolate *isolate = info.GetIsolate();
  const types &type = import->type;
  size_t slots = std::max(type.params.size(), type.results.size());
  uint64_t *stack = static_cast<uint64_t *>(alloca((slots + 1) * sizeof(uint64_t)));
  for (size_t i = 0; i < type.params.size(); i++)
    stack[i] = to_slot(type.params[i], info[i]);
  note_memory(g);
  if (!g->host(g, import->index, stack, slots)) {
    isolate->ThrowException(v8::String::NewFromUtf8Literal(isolate, "host function failed"));
    return;
  }
  if (type.results.size() == 1) {
    info.GetReturnValue().Set(to_value(isolate, type.results[0], stack[0]));
  } else if (type.results.size() > 1) {
    std::vector<v8::Local<v8::Value>> values;
    for (size_t i = 0; i < type.results.size(); i++)
      values.push_back(to_value(isolate, type.results[i], stack[i]));
    info.GetReturnValue().Set(v8::Array::New(isolate, values.data(), values.size()));
  }
}

char *call(guest *g, void *handle, uint64_t *stack) {
  instance *in = of(g);
  const function *f = static_cast<const function *>(handle);
  v8::Isolate *isolate = in->isolate;
  entered scope(isolate);
  v8::Local<v8::Context> context = in->context.Get(isolate);
  v8::Context::Scope current(context);
  v8::TryCatch attempt(isolate);
  const types &type = f->type;
  v8::Local<v8::Value> *params =
      static_cast<v8::Local<v8::Value> *>(alloca((type.params.size() + 1) * sizeof(v8::Local<v8::Value>)));
  for (size_t i = 0; i < type.params.size(); i++)
    params[i] = to_value(isolate, type.params[i], stack[i]);
  v8::Local<v8::Value> result;
  bool returned = f->callee.Get(isolate)->Call(context, v8::Undefined(isolate), type.params.size(), params).ToLocal(&result);
  note_memory(g);
  if (!returned)
    return caught(isolate, attempt);
  if (type.results.size() == 1) {
    stack[0] = to_slot(type.results[0], result);
  } else if (type.results.size() > 1) {
    for (size_t i = 0; i < type.results.size(); i++)
      stack[i] = to_slot(type.results[i], result.As<v8::Object>()->Get(context, i).ToLocalChecked());
  }
  return nullptr;
}

void *compile(const uint8_t *wasm, size_t length, char **error) {
  v8::Isolate *isolate = new_isolate();
  v8::CompiledWasmModule *compiled = nullptr;
  {
    entered scope(isolate);
    v8::Local<v8::Context> context = v8::Context::New(isolate);
    v8::Context::Scope current(context);
    v8::TryCatch attempt(isolate);
    v8::Local<v8::WasmModuleObject> module;
    if (v8::WasmModuleObject::Compile(isolate, {wasm, length}).ToLocal(&module))
      compiled = new v8::CompiledWasmModule(module->GetCompiledModule());
    else
      *error = caught(isolate, attempt);
  }
  dispose(isolate);
  return compiled;
}

void free_module(void *module) { delete static_cast<v8::CompiledWasmModule *>(module); }

// construct is new WebAssembly.KIND(...), or empty.
v8::MaybeLocal<v8::Object> construct(v8::Local<v8::Context> context, const char *kind, std::vector<v8::Local<v8::Value>> arguments) {
  v8::Isolate *isolate = context->GetIsolate();
  v8::Local<v8::Value> space, constructor;
  if (!context->Global()->Get(context, string(isolate, "WebAssembly")).ToLocal(&space) ||
      !space.As<v8::Object>()->Get(context, string(isolate, kind)).ToLocal(&constructor))
    return {};
  return constructor.As<v8::Function>()->NewInstance(context, arguments.size(), arguments.data());
}

// import makes the object of objects that an instance takes its imports from.
bool import(guest *g, v8::Local<v8::Context> context, v8::Local<v8::Object> all, text module, text name, v8::Local<v8::Value> value) {
  v8::Isolate *isolate = of(g)->isolate;
  v8::Local<v8::String> key = string(isolate, module);
  v8::Local<v8::Value> inner;
  if (!all->Get(context, key).ToLocal(&inner))
    return false;
  if (!inner->IsObject()) {
    inner = v8::Object::New(isolate, v8::Null(isolate), nullptr, nullptr, 0);
    if (all->CreateDataProperty(context, key, inner).IsNothing())
      return false;
  }
  return inner.As<v8::Object>()->CreateDataProperty(context, string(isolate, name), value).IsJust();
}

bool create(guest *g, v8::Local<v8::Context> context, const v8::TryCatch &attempt, const v8::CompiledWasmModule &compiled,
            const import_t *imports, size_t count, bool has_memory, uint32_t minimum, uint32_t maximum) {
  instance *in = of(g);
  v8::Isolate *isolate = in->isolate;
  // Without a prototype, so that no name is there by itself.
  v8::Local<v8::Object> all = v8::Object::New(isolate, v8::Null(isolate), nullptr, nullptr, 0);
  for (size_t i = 0; i < count; i++) {
    in->imports.push_back(std::make_unique<imported>(imported{g, imports[i].index, types(imports[i].type)}));
    v8::Local<v8::Function> host;
    if (!v8::Function::New(context, call_host, v8::External::New(isolate, in->imports.back().get())).ToLocal(&host) ||
        !import(g, context, all, imports[i].module, imports[i].name, host))
      return false;
  }
  if (has_memory) {
    v8::Local<v8::Object> memory, limits = v8::Object::New(isolate);
    limits->Set(context, string(isolate, "initial"), v8::Integer::NewFromUnsigned(isolate, minimum)).Check();
    limits->Set(context, string(isolate, "maximum"), v8::Integer::NewFromUnsigned(isolate, maximum)).Check();
    bool made = [&] {
      placed here(g);
      return construct(context, "Memory", {limits}).ToLocal(&memory);
    }();
    if (!made || attempt.HasCaught() ||
        !import(g, context, all, text{"rrbench-memory", 14}, text{"memory", 6}, memory))
      return false;
    in->memory.Reset(isolate, memory.As<v8::WasmMemoryObject>());
    note_memory(g);
    if (!g->replace(g))
      return false;
  }
  v8::Local<v8::WasmModuleObject> module;
  v8::Local<v8::Object> made;
  v8::Local<v8::Value> exports;
  if (!v8::WasmModuleObject::FromCompiledModule(isolate, compiled).ToLocal(&module) ||
      !construct(context, "Instance", {module, all}).ToLocal(&made) || attempt.HasCaught() ||
      !made->Get(context, string(isolate, "exports")).ToLocal(&exports))
    return false;
  in->exports.Reset(isolate, exports.As<v8::Object>());
  note_memory(g);
  return true;
}

char *instantiate(guest *g, void *module, const import_t *imports, size_t count, bool has_memory, uint32_t minimum, uint32_t maximum) {
  instance *in = new instance;
  g->own = in;
  g->refresh = refresh;
  g->call = call;
  in->isolate = new_isolate();
  entered scope(in->isolate);
  v8::Local<v8::Context> context = v8::Context::New(in->isolate);
  in->context.Reset(in->isolate, context);
  v8::Context::Scope current(context);
  v8::TryCatch attempt(in->isolate);
  const v8::CompiledWasmModule &compiled = *static_cast<const v8::CompiledWasmModule *>(module);
  if (create(g, context, attempt, compiled, imports, count, has_memory, minimum, maximum))
    return nullptr;
  return caught(in->isolate, attempt);
}

void *find_function(guest *g, text name, signature type) {
  instance *in = of(g);
  entered scope(in->isolate);
  v8::Local<v8::Context> context = in->context.Get(in->isolate);
  v8::Context::Scope current(context);
  v8::Local<v8::Value> found;
  if (!in->exports.Get(in->isolate)->Get(context, string(in->isolate, name)).ToLocal(&found) || !found->IsFunction())
    return nullptr;
  in->functions.push_back(std::make_unique<function>(function{{in->isolate, found.As<v8::Function>()}, types(type)}));
  return in->functions.back().get();
}

void free_guest(guest *g) {
  instance *in = of(g);
  if (!in)
    return;
  v8::Isolate *isolate = in->isolate;
  {
    entered scope(isolate);
    delete in;
  }
  dispose(isolate);
  g->own = nullptr;
}

}  // namespace

// V8 asks for the bounds of the stack each time that a thread enters an isolate, and the C library then looks them up
// in the kernel, which took half of a call into a guest. They do not change.
extern "C" int pthread_getattr_np(pthread_t thread, pthread_attr_t *attributes) noexcept {
  if (!ready || !pthread_equal(thread, pthread_self()))
    return look_up(thread, attributes);
  const stack &known = this_stack();
  int failed = pthread_attr_init(attributes);
  return failed ? failed : pthread_attr_setstack(attributes, known.address, known.size);
}

const backend *v8_backend(void) {
  static const backend v8 = {compile, free_module, nullptr, nullptr, nullptr, instantiate, find_function, free_guest};
  return &v8;
}
