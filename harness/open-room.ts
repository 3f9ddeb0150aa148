import { isTrainerExam, type LoadedExam } from "../specs/contracts/trainer-spec.js";
import { ExamRoom, type ExamRoomOptions } from "./exam-room.js";
import { TrainerRoom } from "./train/trainer-room.js";

/** The room for an exam on this machine: a kernel's or a trainer's. Throws where target or sandbox is not available, with what to install. */
export function openRoom(options: Omit<ExamRoomOptions, "loaded"> & { loaded: LoadedExam }): Promise<ExamRoom | TrainerRoom> {
  const { loaded } = options;
  return isTrainerExam(loaded) ? TrainerRoom.open({ ...options, loaded }) : ExamRoom.open({ ...options, loaded });
}
