// A C++ object that belongs to a PETSc object, under a name. Needs PETSc.
#pragma once
#include <petscsys.h>

#include <memory>

namespace hullscope::hull::detail {

/// Hands `value` over to `object`, which frees it in the end. Collective, as making a PetscContainer is.
template <class T>
PetscErrorCode attach(PetscObject object, const char* name, std::unique_ptr<T> value) {
  PetscContainer container = nullptr;
  PetscFunctionBegin;
  PetscCall(PetscContainerCreate(PetscObjectComm(object), &container));
  PetscCall(PetscContainerSetPointer(container, value.release()));
  PetscCall(PetscContainerSetUserDestroy(container, [](void* pointer) -> PetscErrorCode {
    delete static_cast<T*>(pointer);
    return 0;
  }));
  PetscCall(PetscObjectCompose(object, name, reinterpret_cast<PetscObject>(container)));
  PetscCall(PetscContainerDestroy(&container));
  PetscFunctionReturn(0);
}

/// What was attached under that name, or nullptr.
template <class T>
PetscErrorCode attached(PetscObject object, const char* name, T** value) {
  PetscContainer container = nullptr;
  void* pointer = nullptr;
  PetscFunctionBegin;
  PetscCall(PetscObjectQuery(object, name, reinterpret_cast<PetscObject*>(&container)));
  if (container != nullptr) PetscCall(PetscContainerGetPointer(container, &pointer));
  *value = static_cast<T*>(pointer);
  PetscFunctionReturn(0);
}

}  // namespace hullscope::hull::detail
